import { onScopeDispose, watch } from 'vue'

/**
 * Calls `load` again some time after each answer, as long as `isOn` is true; ends with its component.
 *
 * @param everyMs from the end of one call to the beginning of the next
 */
export function usePoll(load: () => Promise<void>, isOn: () => boolean, everyMs = 2000): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isEnded = false

  function plan(): void {
    clearTimeout(timer)
    if (isOn() && !isEnded) timer = setTimeout(() => void again(), everyMs)
  }

  async function again(): Promise<void> {
    await load()
    plan()
  }

  watch(isOn, plan, { immediate: true })
  onScopeDispose(() => {
    isEnded = true
    clearTimeout(timer)
  })
}
