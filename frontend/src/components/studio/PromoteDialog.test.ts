import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import { useAssistantsStore } from '@/stores/assistants'
import { mount } from '@/testing/mount'
import PromoteDialog from './PromoteDialog.vue'

const evaluations = vi.hoisted(() => ({ adapterStanding: vi.fn() }))
const api = vi.hoisted(() => ({ adapterPromote: vi.fn(), assistantList: vi.fn() }))
vi.mock('@/api/evaluations', () => evaluations)
vi.mock('@/api/assistants', () => api)

const assistant = { id: 'a', slug: 'abc', name: 'ABC', base_model: 'base', production_adapter: null, is_active: true }
const adapter = { id: 'x', name: 'abc-run-1', base_model: 'base', live_in: [], prompt_changed: false }

beforeEach(() => {
  vi.resetAllMocks()
  api.assistantList.mockResolvedValue([assistant])
  api.adapterPromote.mockResolvedValue(assistant)
})

async function open(gate: object | null, needs_reason: boolean): Promise<HTMLButtonElement> {
  evaluations.adapterStanding.mockResolvedValue({ evaluation: gate && 'e', gate, needs_reason })
  mount(PromoteDialog, { props: { open: true, adapter, assistantId: 'a' } })
  await useAssistantsStore().load()
  await waitFor(() => expect(screen.getByTestId('gate')).toBeTruthy())
  return screen.getByTestId<HTMLButtonElement>('promote-confirm')
}

it('promotes what has passed the gate without asking why', async () => {
  const confirm = await open({ passed: true, reasons: [], codes: [] }, false)
  expect(screen.queryByTestId('promote-reason')).toBeNull()
  await fireEvent.click(confirm)
  expect(api.adapterPromote).toHaveBeenCalledWith('x', 'a', '')
})

it('asks for a reason where the gate is against it, and says why', async () => {
  const confirm = await open({ passed: false, reasons: ['chrF fell.'], codes: ['chrf_worse'] }, true)
  expect(screen.getByText('chrF fell.')).toBeTruthy()
  expect(confirm.disabled).toBe(true)
  await fireEvent.update(screen.getByTestId('promote-reason'), 'The old rules are void.')
  expect(confirm.disabled).toBe(false)
  await fireEvent.click(confirm)
  expect(api.adapterPromote).toHaveBeenCalledWith('x', 'a', 'The old rules are void.')
})

it('asks for a reason where nothing was evaluated', async () => {
  const confirm = await open(null, true)
  expect(confirm.disabled).toBe(true)
})

it('says that nothing was evaluated, and promotes it where that is allowed', async () => {
  const confirm = await open(null, false)
  expect(screen.queryByTestId('promote-reason')).toBeNull()
  await fireEvent.click(confirm)
  expect(api.adapterPromote).toHaveBeenCalledWith('x', 'a', '')
})
