import { expect, it } from 'vitest'
import type { ReplyEvent } from './events'
import { applyReplyEvent, isOpen, type ReplyText } from './reply'

function emptyReply(): ReplyText {
  return { text: '', reasoning: '', state: 'queued', seq: 0, adapter: null, usage: null, finish_reason: '', error: null }
}

function token(seq: number, text: string): ReplyEvent {
  return { type: 'reply.token', message_id: 'r', seq, text }
}

it('joins the tokens in their order', () => {
  const reply = emptyReply()
  applyReplyEvent(reply, { type: 'reply.started', message_id: 'r', seq: 1 })
  expect(applyReplyEvent(reply, token(2, '你'))).toBe('applied')
  expect(applyReplyEvent(reply, token(3, '好'))).toBe('applied')
  applyReplyEvent(reply, { type: 'reply.finished', message_id: 'r', seq: 4, usage: { completion_tokens: 2 }, finish_reason: 'length' })
  expect(reply).toMatchObject({ text: '你好', state: 'finished', seq: 4, usage: { completion_tokens: 2 }, finish_reason: 'length' })
  expect(isOpen(reply.state)).toBe(false)
})

it('ignores what it knows already', () => {
  const reply = { ...emptyReply(), text: 'ab', seq: 5, state: 'streaming' as const }
  expect(applyReplyEvent(reply, token(5, 'b'))).toBe('old')
  expect(applyReplyEvent(reply, token(1, 'a'))).toBe('old')
  expect(reply.text).toBe('ab')
})

it('does not take an event after a hole, and goes on when the hole is filled', () => {
  const reply = { ...emptyReply(), text: 'a', seq: 2, state: 'streaming' as const }
  expect(applyReplyEvent(reply, token(4, 'c'))).toBe('gap')
  expect(reply).toMatchObject({ text: 'a', seq: 2 })
  expect([token(3, 'b'), token(4, 'c')].map((event) => applyReplyEvent(reply, event))).toEqual(['applied', 'applied'])
  expect(reply.text).toBe('abc')
})

it('keeps the text when the answer is stopped, breaks off or fails', () => {
  const ends: [ReplyEvent, string][] = [
    [{ type: 'reply.stopped', message_id: 'r', seq: 3 }, 'stopped'],
    [{ type: 'reply.interrupted', message_id: 'r', seq: 3 }, 'interrupted'],
    [{ type: 'reply.failed', message_id: 'r', seq: 3, code: 'no_model', message: 'No model.' }, 'failed'],
  ]
  for (const [event, state] of ends) {
    const reply = { ...emptyReply(), text: 'so far', seq: 2, state: 'streaming' as const }
    applyReplyEvent(reply, event)
    expect(reply).toMatchObject({ text: 'so far', state })
  }
})
