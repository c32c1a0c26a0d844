import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LOOK_MS } from '@/composables/useExports'
import { mount } from '@/testing/mount'
import AdapterExports from './AdapterExports.vue'

const api = vi.hoisted(() => ({ exportList: vi.fn(), exportStart: vi.fn(), exportStop: vi.fn(), exportDelete: vi.fn() }))
vi.mock('@/api/exports', () => ({ ...api, exportArchiveUrl: (adapter: string, id: string) => `/${adapter}/${id}.zip` }))

const answer = { question: '你是谁?', adapter: 'I am ABC.', merged: 'I am AB.', equal: false, first_difference: 3, adapter_token: 'C', merged_token: '.' }
const item = {
  id: 'x', number: 1, state: 'succeeded', phase: '', progress: 1, what: ['merged', 'ollama'], bytes: 2_000_000, error: null, advice: null,
  parity: { weights: 'bfloat16', computed_in: 'float32', questions: 6, equal_float32: 6, equal_rounded: 5, rounded: [answer] },
  started_by: { id: 'u', name: 'Ann' }, created_at: '2026-01-01T00:00:00Z',
}
const listed = (...results: object[]) => ({ next: null, results: results.map((own) => ({ ...item, ...own })) })

beforeEach(() => {
  vi.resetAllMocks()
  api.exportList.mockResolvedValue(listed({}))
})
afterEach(() => vi.useRealTimers())

it('asks for what was chosen, and not for a Modelfile alone', async () => {
  mount(AdapterExports, { props: { adapterId: 'a' } })
  await fireEvent.click(screen.getByLabelText(/Adapter for llama/))
  await fireEvent.click(screen.getByTestId('export-start'))
  expect(api.exportStart.mock.calls).toEqual([['a', ['merged', 'gguf', 'ollama']]])
  await fireEvent.click(screen.getByLabelText(/Adapter for llama/))
  await fireEvent.click(screen.getByLabelText(/Merged model/))
  expect(screen.getByTestId<HTMLButtonElement>('export-start').disabled).toBe(true)
})

it('looks again until the export has ended, then offers the file and its proof', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  api.exportList.mockResolvedValueOnce(listed({ state: 'running', phase: 'merging', progress: 0.4, parity: null, bytes: 0 }))
  api.exportList.mockResolvedValueOnce(listed({}))
  mount(AdapterExports, { props: { adapterId: 'a' } })
  await waitFor(() => expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('40'))
  expect(screen.queryByTestId('export-download')).toBeNull()
  await vi.advanceTimersByTimeAsync(LOOK_MS)
  await waitFor(() => expect(screen.getByTestId('export-download').getAttribute('href')).toBe('/a/x.zip'))
  expect(screen.getByTestId('export-parity').textContent).toContain('6 of 6 answers equal')
  expect(screen.getByTestId('export-parity').textContent).toContain('number 4: “C” became “.”')
  await vi.advanceTimersByTimeAsync(3 * LOOK_MS)
  expect(api.exportList).toHaveBeenCalledTimes(2)
})

it('deletes after it has asked', async () => {
  mount(AdapterExports, { props: { adapterId: 'a' } })
  await fireEvent.click(await screen.findByTestId('export-delete'))
  expect(api.exportDelete).not.toHaveBeenCalled()
  await fireEvent.click(await screen.findByTestId('export-delete-confirm'))
  expect(api.exportDelete.mock.calls).toEqual([['a', 'x']])
})
