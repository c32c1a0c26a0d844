import { fireEvent, screen } from '@testing-library/vue'
import { expect, it } from 'vitest'
import { mount } from '@/testing/mount'
import RunTable from './RunTable.vue'

const row = (number: number, changes: object = {}) => ({
  id: `r${number}`, number, state: 'succeeded', step: 1, total_steps: 1, progress: 1, position: null, expected_start: null,
  assistant: { id: 'a', slug: 'a', name: 'A' }, dataset_version: { id: 'v', number: 1 }, adapter_name: null,
  created_at: '2026-01-01T10:00:00Z', ...changes,
})

it('lets runs be chosen in one’s own order, and let go again', async () => {
  const view = mount(RunTable, { props: { runs: [row(2), row(1)], chosen: ['r2'] } })
  await fireEvent.click(screen.getByRole('checkbox', { name: 'Compare run 1' }))
  await fireEvent.click(screen.getByRole('checkbox', { name: 'Compare run 2' }))
  expect(view.emitted()['update:chosen']).toEqual([[['r2', 'r1']], [['r1']]])
})

it('shows no boxes where nothing is to be compared', () => {
  mount(RunTable, { props: { runs: [row(1)] } })
  expect(screen.queryByRole('checkbox')).toBeNull()
})

it('says where a run waits, and when it is expected to start if that is known', () => {
  const waiting = { state: 'queued', position: 2 }
  mount(RunTable, { props: { runs: [row(3, { ...waiting, expected_start: '2026-01-01T10:00:00Z' }), row(2, waiting), row(1)] } })
  const [known, unknown, none] = screen.getAllByTestId('run-queue')
  expect(known?.textContent).toMatch(/^place 2, at about .*2026/)
  expect(unknown?.textContent).toBe('place 2')
  expect(none).toBeUndefined()
})
