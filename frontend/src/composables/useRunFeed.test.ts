import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import type { Metric, TrainingRun } from '@/api/types'
import { StubSocket } from '@/testing/stub-socket'

const server = vi.hoisted(() => ({ run: {} as unknown, metrics: [] as unknown[] }))
vi.mock('@/api/runs', () => ({
  runGet: () => Promise.resolve(structuredClone(server.run)),
  runMetrics: () => Promise.resolve(server.metrics),
}))

const loss = (step: number, value: number): Metric => ({ kind: 'loss', step, value })

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'cancelAnimationFrame'] })
  vi.stubGlobal('WebSocket', StubSocket.asClass())
  server.run = { id: 'run', number: 1, state: 'running', step: 2, total_steps: 10 } satisfies Partial<TrainingRun>
  server.metrics = [loss(1, 3), loss(2, 2.5)]
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function feedOf(id: string) {
  vi.resetModules()
  const { useSocket } = await import('@/realtime/socket')
  const { useRunFeed } = await import('./useRunFeed')
  useSocket().connect()
  StubSocket.last.accept()
  const scope = effectScope()
  const feed = scope.run(() => useRunFeed(id))
  if (feed === undefined) throw new Error('no feed')
  await feed.load()
  return { feed, scope }
}

it('reads what is stored and follows from there', async () => {
  const { feed } = await feedOf('run')
  expect(StubSocket.last.sent).toEqual([{ type: 'run.follow', run_id: 'run', after_step: 2, after_offset: 0 }])
  StubSocket.last.deliver({ type: 'run.metric', run_id: 'run', ...loss(2, 2.5) })
  StubSocket.last.deliver({ type: 'run.metric', run_id: 'run', ...loss(3, 2) })
  StubSocket.last.deliver({ type: 'run.metric', run_id: 'other', ...loss(4, 9) })
  StubSocket.last.deliver({ type: 'run.state', run_id: 'run', step: 3, state: 'stopping' })
  StubSocket.last.deliver({ type: 'run.log', run_id: 'run', step: 3, offset: 7, text: 'step 3\n' })
  expect(feed.series.value.loss).toEqual([[1, 3], [2, 2.5], [3, 2]])
  expect(feed.run.value).toMatchObject({ state: 'stopping', step: 3, number: 1 })
  expect(feed.log.value.text).toBe('step 3\n')
})

it('goes on from the last step and byte after a lost connection', async () => {
  const { feed } = await feedOf('run')
  StubSocket.last.deliver({ type: 'run.metric', run_id: 'run', ...loss(5, 1) })
  StubSocket.last.deliver({ type: 'run.log', run_id: 'run', step: 5, offset: 70, text: 'x' })
  StubSocket.last.lose()
  vi.advanceTimersByTime(20_000)
  StubSocket.last.accept()
  expect(StubSocket.last.sent).toEqual([{ type: 'run.follow', run_id: 'run', after_step: 5, after_offset: 70 }])
  expect(feed.series.value.loss.at(-1)).toEqual([5, 1])
})

it('lets go when its page is left', async () => {
  const { scope } = await feedOf('run')
  scope.stop()
  StubSocket.last.lose()
  vi.advanceTimersByTime(20_000)
  StubSocket.last.accept()
  expect(StubSocket.last.sent).toEqual([])
})
