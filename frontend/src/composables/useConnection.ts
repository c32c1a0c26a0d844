import { onScopeDispose, ref, watch } from 'vue'
import { useSocket } from '@/realtime/socket'

/** A loss this short is not worth a word. */
const PATIENCE_MS = 1_200

/** Whether the socket has been away long enough to tell people, and the button to try at once. */
export function useConnection() {
  const socket = useSocket()
  const isLost = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(
    socket.state,
    (state) => {
      if (state === 'open' || state === 'idle') {
        clearTimeout(timer)
        timer = undefined
        isLost.value = false
      } else {
        timer ??= setTimeout(() => (isLost.value = true), PATIENCE_MS)
      }
    },
    { immediate: true },
  )
  onScopeDispose(() => clearTimeout(timer))

  return { isLost, retryNow: socket.retryNow }
}
