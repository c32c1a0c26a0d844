import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { ApiError } from '@/api/client'
import { preflightGet, type Preflight, type PreflightQuestion } from '@/api/preflight'

/** One asks when nobody has typed for this long. */
const PAUSE_MS = 400

/**
 * What is told of the run that a form describes, asked anew whenever the form pauses. The last
 * answer stays in sight until the next one is there; an older answer never replaces a newer one.
 *
 * @param question what the form describes now; null while it describes no run
 */
export function usePreflight(question: () => PreflightQuestion | null) {
  const preflight = shallowRef<Preflight | null>(null)
  const error = shallowRef<unknown>(null)
  const isLoading = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | undefined

  function cancel(): void {
    clearTimeout(timer)
    running?.abort()
    running = undefined
  }

  async function ask(): Promise<void> {
    const asked = question()
    cancel()
    if (asked === null) return
    const mine = (running = new AbortController())
    isLoading.value = true
    try {
      const answer = await preflightGet(asked, mine.signal)
      if (mine.signal.aborted) return
      preflight.value = answer
      error.value = null
    } catch (cause) {
      if (mine.signal.aborted || (cause instanceof ApiError && cause.code === 'aborted')) return
      error.value = cause
    } finally {
      if (running === mine) isLoading.value = false
    }
  }

  watch(
    () => JSON.stringify(question()),
    (now, before) => {
      cancel()
      if (now === 'null') {
        isLoading.value = false
        return
      }
      // Another version is another run: what was said of the one before is not true of it.
      if (preflight.value && preflight.value.version.id !== question()?.version) preflight.value = null
      isLoading.value = true
      timer = setTimeout(() => void ask(), before === undefined ? 0 : PAUSE_MS)
    },
    { immediate: true },
  )
  onScopeDispose(cancel)

  return { preflight, error, isLoading, ask }
}
