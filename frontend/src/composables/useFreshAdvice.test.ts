import { flushPromises } from '@vue/test-utils'
import { beforeEach, expect, it, vi } from 'vitest'
import { effectScope, ref, shallowRef, triggerRef, type Ref } from 'vue'
import type { TrainingRun } from '@/api/types'
import { emptySeries } from '@/lib/metrics'

const api = vi.hoisted(() => ({ runGet: vi.fn() }))
vi.mock('@/api/runs', () => api)

beforeEach(() => {
  api.runGet.mockReset().mockResolvedValue({ id: 'r', curve_advice: [{ code: 'spikes', message: 'It jumps.', fix: {} }], best_step: 7 })
})

async function watching() {
  const { useFreshAdvice } = await import('./useFreshAdvice')
  const run = ref({ id: 'r', state: 'running', progress: 0.11, curve_advice: [] }) as unknown as Ref<TrainingRun | null>
  const series = shallowRef(emptySeries())
  const scope = effectScope()
  scope.run(() => useFreshAdvice(run, series))
  return { run, series, scope }
}

it('asks again after a validation and at the end, not at every step', async () => {
  const { run, series, scope } = await watching()
  if (run.value) run.value.progress = 0.12
  await flushPromises()
  expect(api.runGet).not.toHaveBeenCalled()
  series.value.eval_loss.push([5, 2])
  triggerRef(series)
  await flushPromises()
  expect(api.runGet).toHaveBeenCalledTimes(1)
  expect(run.value).toMatchObject({ curve_advice: [{ code: 'spikes' }], best_step: 7 })
  if (run.value) run.value.state = 'succeeded'
  await flushPromises()
  expect(api.runGet).toHaveBeenCalledTimes(2)
  scope.stop()
})

it('keeps the advice that it has when there is no newer one to be had', async () => {
  const { run, scope } = await watching()
  api.runGet.mockRejectedValue(new Error('gone'))
  if (run.value) Object.assign(run.value, { progress: 0.95, curve_advice: [{ code: 'old' }] })
  await flushPromises()
  expect(run.value?.curve_advice).toMatchObject([{ code: 'old' }])
  scope.stop()
})
