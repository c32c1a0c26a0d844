import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/client'
import type { Feedback, FeedbackOutcome, Message } from '@/api/types'
import FeedbackPage from '@/pages/FeedbackPage.vue'
import { mount } from '@/testing/mount'
import AssistantMessage from './AssistantMessage.vue'

const server = vi.hoisted(() => ({
  sent: [] as unknown[], mine: [] as unknown[], refuses: null as unknown,
}))
vi.mock('@/api/feedback', () => ({
  feedbackGive: (message: string, body: object) => {
    server.sent.push(body)
    if (server.refuses !== null) return Promise.reject(server.refuses as Error)
    return Promise.resolve({ ...told(), message, ...body })
  },
  feedbackTakeBack: () => {
    server.sent.push('taken back')
    return server.refuses === null ? Promise.resolve() : Promise.reject(server.refuses as Error)
  },
  feedbackMine: () => Promise.resolve({ results: server.mine, next: null }),
}))

function told(more: Partial<Feedback> = {}): Feedback {
  return {
    id: 'f', message: 'r', question: 'How many days?', answer: 'Ten.', assistant_name: 'ABC', rating: 'down', comment: '',
    correction: '', with_history: false, state: 'open', outcome: 'waiting', note: '',
    created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z', ...more,
  }
}

async function show(feedback: Feedback | null = null, more: Partial<Message> = {}, hasEarlier = false) {
  const message: Message = {
    id: 'r', parent: 'q', conversation: 'c', role: 'assistant', text: 'Ten.', reasoning: '', state: 'finished', seq: 3,
    adapter: null, usage: null, finish_reason: 'stop', error: null, feedback, created_at: '2026-01-01T00:00:00Z', ...more,
  }
  const view = mount(AssistantMessage, { props: { message, assistantName: 'ABC', isLast: false, hasEarlier } })
  /** As the thread does: the answer carries what its reader said. */
  const rated = () => (view.emitted().rated as [Feedback | null][] | undefined)?.map(([given]) => given) ?? []
  const follow = () => view.rerender({ message: { ...message, feedback: rated().at(-1) ?? null } })
  return { ...view, rated, follow }
}

const pressed = (name: string) => screen.getByRole('button', { name }).getAttribute('aria-pressed')

beforeEach(() => {
  server.sent = []
  server.mine = []
  server.refuses = null
})

it('offers no thumbs while the answer is written, nor for one without a word', async () => {
  const view = await show(null, { state: 'streaming' })
  expect(screen.queryByRole('group', { name: 'Rate this answer' })).toBeNull()
  view.unmount()
  await show(null, { state: 'failed', text: '' })
  expect(screen.queryByRole('group', { name: 'Rate this answer' })).toBeNull()
})

it('keeps a thumb up, shows it pressed, and takes it back at the second press', async () => {
  const { rated, follow } = await show()
  expect(pressed('Helpful')).toBe('false')
  await fireEvent.click(screen.getByTestId('rate-up'))
  await waitFor(() => expect(rated()).toHaveLength(1))
  await follow()
  expect(pressed('Helpful')).toBe('true')
  expect(screen.queryByTestId('feedback-form')).toBeNull()
  await fireEvent.click(screen.getByTestId('rate-up'))
  await waitFor(() => expect(rated().at(-1)).toBeNull())
  expect(server.sent).toEqual([{ rating: 'up' }, 'taken back'])
})

it('keeps a thumb down at once, then asks what would have been right', async () => {
  const { rated, follow } = await show(null, {}, true)
  await fireEvent.click(screen.getByTestId('rate-down'))
  await waitFor(() => expect(screen.getByTestId('feedback-form')).toBeTruthy())
  await follow()
  expect(server.sent).toEqual([{ rating: 'down' }])
  expect(pressed('Not right')).toBe('true')
  expect(screen.getByTestId('rate-down').getAttribute('aria-expanded')).toBe('true')
  expect(screen.getByTestId('rate-down').getAttribute('aria-controls')).toBe(screen.getByTestId('feedback-form').id)
  const comment = screen.getByLabelText('What is wrong with it?')
  expect(document.activeElement).toBe(comment)
  await fireEvent.update(comment, 'Outdated')
  await fireEvent.update(screen.getByLabelText('What would have been right?'), '13')
  await fireEvent.click(screen.getByLabelText(/earlier messages/))
  await fireEvent.submit(screen.getByTestId('feedback-form'))
  await waitFor(() => expect(screen.queryByTestId('feedback-form')).toBeNull())
  expect(server.sent.at(-1)).toEqual({ rating: 'down', comment: 'Outdated', correction: '13', with_history: true })
  expect(rated().at(-1)?.correction).toBe('13')
  expect(document.activeElement).toBe(screen.getByTestId('rate-down'))
})

it('shows after a reload what was said, and changes it', async () => {
  await show(told({ comment: 'Outdated', correction: '13' }))
  expect(pressed('Not right')).toBe('true')
  expect(screen.queryByTestId('feedback-form')).toBeNull()
  await fireEvent.click(screen.getByTestId('rate-down'))
  expect(server.sent).toEqual([])
  expect((screen.getByLabelText('What is wrong with it?') as HTMLTextAreaElement).value).toBe('Outdated')
  // There is nothing before the first question.
  expect(screen.queryByLabelText(/earlier messages/)).toBeNull()
  await fireEvent.keyDown(screen.getByTestId('feedback-comment'), { key: 'Escape' })
  expect(screen.queryByTestId('feedback-form')).toBeNull()
})

it('keeps what was written when it cannot be sent', async () => {
  await show(told())
  await fireEvent.click(screen.getByTestId('rate-down'))
  await fireEvent.update(screen.getByLabelText('What is wrong with it?'), 'Outdated')
  server.refuses = new ApiError(0, { code: 'network', message: '', details: {} })
  await fireEvent.submit(screen.getByTestId('feedback-form'))
  await waitFor(() => expect(server.sent).toHaveLength(1))
  expect((screen.getByLabelText('What is wrong with it?') as HTMLTextAreaElement).value).toBe('Outdated')
  await fireEvent.click(screen.getByTestId('feedback-take-back'))
  await waitFor(() => expect(server.sent).toHaveLength(2))
  expect(screen.getByTestId('feedback-form')).toBeTruthy()
})

it('lists what became of each', async () => {
  const ends: [FeedbackOutcome, RegExp][] = [
    ['waiting', /waits for a curator/], ['in_review', /became a record, in review/],
    ['approved', /approved: part of the next training/], ['handled', /^handled$/],
  ]
  server.mine = ends.map(([outcome], index) => told({ id: `f${index}`, outcome, note: outcome === 'handled' ? '<b>Known</b>' : '' }))
  mount(FeedbackPage)
  await waitFor(() => expect(screen.getAllByTestId('feedback-card')).toHaveLength(ends.length))
  for (const [, words] of ends) expect(screen.getByText(words)).toBeTruthy()
  expect(screen.getByText('Reply: <b>Known</b>')).toBeTruthy()
})

it('says what to do when nothing was reported', async () => {
  mount(FeedbackPage)
  expect(await screen.findByText('Nothing reported yet')).toBeTruthy()
})
