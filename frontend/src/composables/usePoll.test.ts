import { effectScope, nextTick, ref } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { usePoll } from './usePoll'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('asks again while something goes on, and never after its component is gone', async () => {
  const isOn = ref(false)
  const load = vi.fn(() => Promise.resolve())
  const scope = effectScope()
  scope.run(() => usePoll(load, () => isOn.value, 100))
  await vi.advanceTimersByTimeAsync(500)
  expect(load).not.toHaveBeenCalled()

  isOn.value = true
  await nextTick()
  await vi.advanceTimersByTimeAsync(350)
  expect(load).toHaveBeenCalledTimes(3)

  isOn.value = false
  await nextTick()
  await vi.advanceTimersByTimeAsync(500)
  expect(load).toHaveBeenCalledTimes(3)

  isOn.value = true
  await nextTick()
  scope.stop()
  await vi.advanceTimersByTimeAsync(500)
  expect(load).toHaveBeenCalledTimes(3)
})
