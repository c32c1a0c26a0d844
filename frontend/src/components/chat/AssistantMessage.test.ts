import { fireEvent, screen } from '@testing-library/vue'
import { expect, it } from 'vitest'
import type { Message } from '@/api/types'
import { mount } from '@/testing/mount'
import AssistantMessage from './AssistantMessage.vue'

function show(more: Partial<Message>, isLast = true) {
  const message: Message = {
    id: 'r', parent: 'q', conversation: 'c', role: 'assistant', text: 'So far', reasoning: '', state: 'finished', seq: 3,
    adapter: null, usage: null, finish_reason: 'stop', error: null, created_at: '2026-01-01T00:00:00Z', ...more,
  }
  return mount(AssistantMessage, { props: { message, assistantName: 'ABC', isLast } })
}

it('says that it thinks before the first word, and nothing of the kind after', () => {
  const waiting = show({ state: 'queued', text: '' })
  expect(screen.getByText('Thinking…')).toBeTruthy()
  waiting.unmount()
  show({ state: 'streaming' })
  expect(screen.queryByText('Thinking…')).toBeNull()
  expect(screen.getByTestId('message-assistant').dataset).toMatchObject({ state: 'streaming', messageId: 'r' })
})

it('tells in words how it ended, and offers to go on or to answer again', async () => {
  const { emitted } = show({ state: 'interrupted' })
  expect(screen.getByText(/broke off/)).toBeTruthy()
  await fireEvent.click(screen.getByTestId('reply-continue'))
  await fireEvent.click(screen.getByTestId('reply-retry'))
  expect(emitted()).toMatchObject({ resume: [[]], regenerate: [[]] })
})

it('shows the sentence of a failure', () => {
  show({ state: 'failed', text: '', error: { code: 'model_server_failed', message: 'The model server failed at this question.' } })
  expect(screen.getByText('The model server failed at this question.')).toBeTruthy()
  expect(screen.queryByTestId('reply-continue')).toBeNull()
})

it('names the adapter that answered', () => {
  show({ adapter: { id: 'a', name: 'abc-run-7' } })
  expect(screen.getByText('Answered by abc-run-7')).toBeTruthy()
})

it('offers another answer for the last one only', () => {
  show({}, false)
  expect(screen.queryByTestId('reply-regenerate')).toBeNull()
})
