import { screen, waitFor, within } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Metric } from '@/api/types'
import { mount } from '@/testing/mount'
import CompareRunsPage from './CompareRunsPage.vue'

const api = vi.hoisted(() => ({ runGet: vi.fn(), runMetrics: vi.fn() }))
vi.mock('@/api/runs', () => api)
vi.mock('@/components/studio/lazyChart', () => ({ ChartCanvas: { template: '<div />' } }))

const run = (id: string, settings: object, version = 'v1') => ({
  id, number: Number(id), state: 'succeeded', step: 20, epoch: 2, settings, base_model: 'tiny',
  dataset_version: { id: version, number: Number(version.slice(1)) }, assistant: { id: 'a', slug: 'a', name: 'A' },
  started_at: '2026-01-01T00:00:00Z', finished_at: '2026-01-01T00:02:00Z',
})
const measured: Record<string, Metric[]> = {
  1: [{ step: 10, kind: 'loss', value: 2 }, { step: 10, kind: 'eval_loss', value: 1.5 }, { step: 20, kind: 'eval_loss', value: 1.75 }],
  2: [{ step: 20, kind: 'loss', value: 1 }, { step: 20, kind: 'eval_loss', value: 1.25 }],
}

beforeEach(() => {
  vi.resetAllMocks()
  api.runGet.mockImplementation((id: string) => Promise.resolve(run(id, { epochs: Number(id), seed: 7 })))
  api.runMetrics.mockImplementation((id: string) => Promise.resolve(measured[id] ?? []))
})

const rowsOf = (testId: string) =>
  within(screen.getByTestId(testId)).getAllByTestId('compare-row').map((row) => [...row.children].map((cell) => cell.textContent))

it('puts the runs of its address beside one another and shows only what differs', async () => {
  mount(CompareRunsPage, { path: '/?ids=1,2' })
  await waitFor(() => expect(screen.getByTestId('page-lead').textContent).toBe('Run 2 has the lowest validation loss: 1.250.'))
  expect(rowsOf('compare-settings')).toEqual([['Epochs', '1', '2']])
  expect(rowsOf('compare-results')[1]).toEqual(['Lowest validation loss', '1.500 at step 10', '1.250 at step 20'])
  expect(screen.getByTestId('compare-chart').dataset.curves).toBe('2')
  expect(screen.queryByTestId('compare-versions')).toBeNull()
})

it('calls no run the best where validation asked other records', async () => {
  api.runGet.mockImplementation((id: string) => Promise.resolve(run(id, {}, `v${id}`)))
  mount(CompareRunsPage, { path: '/?ids=1,2' })
  await waitFor(() => expect(screen.getByTestId('compare-versions')).toBeTruthy())
  expect(screen.getByTestId('page-lead').textContent).toContain('Which of 2 runs')
  expect(rowsOf('compare-settings')).toEqual([['Version', 'Version 1', 'Version 2']])
})

it('asks for runs to be chosen where the address names fewer than two', () => {
  mount(CompareRunsPage, { path: '/?ids=1' })
  expect(screen.getByText('Nothing to compare yet')).toBeTruthy()
  expect(api.runGet).not.toHaveBeenCalled()
})

it('says what went wrong', async () => {
  api.runGet.mockRejectedValue(new Error('no'))
  mount(CompareRunsPage, { path: '/?ids=1,2' })
  await waitFor(() => expect(screen.getByRole('alert')).toBeTruthy())
})
