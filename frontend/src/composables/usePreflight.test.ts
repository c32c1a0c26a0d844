import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, type Ref } from 'vue'
import type { PreflightQuestion } from '@/api/preflight'
import { usePreflight } from './usePreflight'

const api = vi.hoisted(() => ({ preflightGet: vi.fn() }))
vi.mock('@/api/preflight', () => api)

const asking = (version: string, epochs = 1): PreflightQuestion => ({ version, assistant: 'a', base_model: 'b', settings: { epochs } })

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  api.preflightGet.mockReset().mockImplementation(({ version, settings }: PreflightQuestion) =>
    Promise.resolve({ version: { id: version }, steps: settings.epochs }),
  )
})
afterEach(() => vi.useRealTimers())

function watching(first: PreflightQuestion | null) {
  const question = ref(first) as Ref<PreflightQuestion | null>
  const scope = effectScope()
  const state = scope.run(() => usePreflight(() => question.value))
  if (state === undefined) throw new Error('no scope')
  return { question, scope, ...state }
}

async function pause(): Promise<void> {
  await nextTick()
  vi.advanceTimersByTime(500)
  await flushPromises()
}

it('asks once when typing pauses, with what stands there then', async () => {
  const { question, preflight } = watching(asking('v1'))
  await pause()
  for (const epochs of [2, 3, 4]) {
    question.value = asking('v1', epochs)
    await nextTick()
    vi.advanceTimersByTime(100)
  }
  await pause()
  expect(api.preflightGet.mock.calls.map(([asked]) => (asked as PreflightQuestion).settings.epochs)).toEqual([1, 4])
  expect(preflight.value).toMatchObject({ steps: 4 })
})

it('shows nothing of another version, and lets no late answer in', async () => {
  const { question, preflight } = watching(asking('v1'))
  const late: ((told: object) => void)[] = []
  api.preflightGet.mockReturnValueOnce(new Promise((resolve) => late.push(resolve)))
  await pause()
  question.value = asking('v2')
  await pause()
  late[0]?.({ version: { id: 'v1' }, steps: 99 })
  await flushPromises()
  expect(preflight.value).toMatchObject({ version: { id: 'v2' }, steps: 1 })
  question.value = asking('v3')
  await nextTick()
  expect(preflight.value).toBeNull()
})

it('asks nothing while the form describes no run, nor after the page is left', async () => {
  const { question, scope, isLoading } = watching(null)
  await pause()
  expect(isLoading.value).toBe(false)
  question.value = asking('v1')
  await nextTick()
  scope.stop()
  await pause()
  expect(api.preflightGet).not.toHaveBeenCalled()
})

it('keeps the last answer beside a refusal', async () => {
  const { question, preflight, error, isLoading } = watching(asking('v1'))
  await pause()
  api.preflightGet.mockRejectedValueOnce(new Error('no'))
  question.value = asking('v1', 5)
  await pause()
  expect(error.value).toBeInstanceOf(Error)
  expect(preflight.value).toMatchObject({ steps: 1 })
  expect(isLoading.value).toBe(false)
})
