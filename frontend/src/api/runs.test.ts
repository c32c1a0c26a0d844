import { beforeEach, expect, it, vi } from 'vitest'
import type { Metric } from './types'
import { runMetrics } from './runs'

const client = vi.hoisted(() => ({ request: vi.fn() }))
vi.mock('./client', () => client)

const values = (from: number, count: number): Metric[] =>
  Array.from({ length: count }, (_, place) => ({ step: from + Math.floor(place / 6), kind: 'loss', value: 1 }))

beforeEach(() => client.request.mockReset())

it('asks once for a run of ordinary length', async () => {
  client.request.mockResolvedValueOnce(values(1, 60))
  expect(await runMetrics('r')).toHaveLength(60)
  expect(client.request).toHaveBeenCalledTimes(1)
})

it('asks on from the step at which a long answer was cut off', async () => {
  client.request.mockResolvedValueOnce(values(1, 20_000)).mockResolvedValueOnce(values(3334, 30))
  const metrics = await runMetrics('r')
  expect(metrics.at(-1)?.step).toBe(3338)
  expect(client.request).toHaveBeenLastCalledWith('GET', '/training-runs/r/metrics', { query: { after: 3333 } })
})
