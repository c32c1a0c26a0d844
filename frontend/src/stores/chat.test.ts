import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Conversation, Message } from '@/api/types'
import type { ReplyEvent } from '@/realtime/events'
import { StubSocket } from '@/testing/stub-socket'

const server = vi.hoisted(() => ({ conversation: {} as unknown, messages: [] as unknown[], reads: 0 }))
vi.mock('@/api/conversations', () => ({
  conversationGet: () => Promise.resolve(server.conversation),
  messageList: () => {
    server.reads += 1
    return Promise.resolve(structuredClone(server.messages))
  },
  conversationList: () => Promise.resolve({ results: [server.conversation], next: null }),
}))

const conversation: Conversation = {
  id: 'c', title: 'Leave', assistant: 'a', updated_at: '2026-01-01T00:00:00Z', current_message: 'r1',
}

function message(id: string, parent: string | null, more: Partial<Message> = {}): Message {
  return {
    id, parent, conversation: 'c', role: parent === null ? 'user' : 'assistant', text: '', reasoning: '', state: 'finished',
    seq: 0, adapter: null, usage: null, finish_reason: '', error: null, created_at: '2026-01-01T00:00:00Z', ...more,
  }
}

const token = (seq: number, text: string, id = 'r1'): ReplyEvent => ({ type: 'reply.token', message_id: id, seq, text })

/** Lets answered requests arrive. */
const settle = () => vi.advanceTimersByTimeAsync(0)

async function start() {
  vi.resetModules()
  vi.stubGlobal('WebSocket', StubSocket.asClass())
  setActivePinia(createPinia())
  const { useChatStore } = await import('./chat')
  const { useSocket } = await import('@/realtime/socket')
  const chat = useChatStore()
  useSocket().connect()
  StubSocket.last.accept()
  return { chat, socket: useSocket() }
}

function reconnect() {
  StubSocket.last.lose()
  vi.advanceTimersByTime(20_000)
  StubSocket.last.accept()
}

const shown = (chat: { branch: Message[] }) => chat.branch.map(({ id, text, state }) => [id, text, state])

beforeEach(() => {
  vi.useFakeTimers()
  sessionStorage.clear()
  server.conversation = conversation
  server.messages = [message('q1', null, { text: 'How many days?' }), message('r1', 'q1', { text: 'Five', seq: 3, state: 'streaming' })]
  server.reads = 0
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('an answer that is being written', () => {
  it('goes on after a reload from the stored position', async () => {
    const { chat } = await start()
    await chat.open('c')
    expect(StubSocket.last.sent).toContainEqual({ type: 'reply.follow', message_id: 'r1', after_seq: 3 })
    for (const event of [token(3, 'Five'), token(4, ' days'), token(5, '.')]) StubSocket.last.deliver(event)
    StubSocket.last.deliver({ type: 'reply.finished', message_id: 'r1', seq: 6, finish_reason: 'stop' })
    expect(shown(chat)[1]).toEqual(['r1', 'Five days.', 'finished'])
    expect(chat.openReply).toBeUndefined()
  })

  it('is caught up after a lost connection, with nothing twice', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.deliver(token(4, ' days'))
    reconnect()
    expect(StubSocket.last.sent).toContainEqual({ type: 'reply.follow', message_id: 'r1', after_seq: 4 })
    for (const event of [token(4, ' days'), token(5, ' a year')]) StubSocket.last.deliver(event)
    await settle()
    expect(shown(chat)[1]?.[1]).toBe('Five days a year')
  })

  it('asks once for a replay after a gap and goes on when it comes', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.sent.splice(0)
    StubSocket.last.deliver(token(6, 'c'))
    StubSocket.last.deliver(token(7, 'd'))
    expect(StubSocket.last.sent).toEqual([{ type: 'reply.follow', message_id: 'r1', after_seq: 3 }])
    for (const event of [token(4, 'a'), token(5, 'b'), token(6, 'c'), token(7, 'd')]) StubSocket.last.deliver(event)
    expect(shown(chat)[1]?.[1]).toBe('Fiveabcd')
  })

  it('reads the stored messages when no replay comes', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.deliver(token(6, 'lost'))
    server.messages = [server.messages[0], message('r1', 'q1', { text: 'Five days.', seq: 9, state: 'finished' })]
    await vi.advanceTimersByTimeAsync(3_000)
    expect(shown(chat)[1]).toEqual(['r1', 'Five days.', 'finished'])
  })

  it('is not set back by stored messages that are older than what arrived', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.deliver(token(4, ' days'))
    await chat.load()
    expect(shown(chat)[1]?.[1]).toBe('Five days')
  })

  it('keeps its text and says why when it ends badly', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.deliver({ type: 'reply.failed', message_id: 'r1', seq: 4, code: 'model_server_failed', message: 'Try again.' })
    expect(shown(chat)[1]).toEqual(['r1', 'Five', 'failed'])
    expect(chat.branch[1]?.error?.message).toBe('Try again.')
  })

  it('goes on when asked to after it was stopped', async () => {
    const { chat } = await start()
    await chat.open('c')
    StubSocket.last.deliver({ type: 'reply.stopped', message_id: 'r1', seq: 4 })
    chat.resume('r1')
    expect(StubSocket.last.sent.slice(-2)).toEqual([
      { type: 'reply.continue', message_id: 'r1' },
      { type: 'reply.follow', message_id: 'r1', after_seq: 4 },
    ])
    StubSocket.last.deliver({ type: 'reply.started', message_id: 'r1', seq: 5, adapter: null })
    StubSocket.last.deliver(token(6, ' days'))
    expect(shown(chat)[1]).toEqual(['r1', 'Five days', 'streaming'])
  })
})

describe('a question', () => {
  const accepted = (clientId: string) =>
    ({ type: 'message.accepted', client_id: clientId, conversation_id: 'c', message_id: 'q2', reply_id: 'r2' }) as const

  function lastSend() {
    const sent = StubSocket.last.sent.filter((item) => item.type === 'message.send').at(-1)
    if (sent?.type !== 'message.send') throw new Error('nothing was sent')
    return sent
  }

  it('opens a conversation and is followed at once', async () => {
    const { chat } = await start()
    await chat.open(null)
    chat.send('And parental leave?', 'abc')
    expect(lastSend()).toMatchObject({ text: 'And parental leave?', assistant: 'abc' })
    expect(chat.outgoing).toHaveLength(1)
    StubSocket.last.deliver(accepted(lastSend().client_id))
    expect(chat.conversationId).toBe('c')
    expect(chat.outgoing).toHaveLength(0)
    expect(shown(chat)).toEqual([['q2', 'And parental leave?', 'finished'], ['r2', '', 'queued']])
    expect(StubSocket.last.sent.at(-1)).toEqual({ type: 'reply.follow', message_id: 'r2', after_seq: 0 })
  })

  it('follows the branch that is shown', async () => {
    const { chat } = await start()
    await chat.open('c')
    chat.send('More', null)
    StubSocket.last.deliver(accepted(lastSend().client_id))
    expect(chat.branch.map(({ id }) => id)).toEqual(['q1', 'r1', 'q2', 'r2'])
  })

  it('is sent again with the same client_id after a lost connection, until it is accepted', async () => {
    const { chat } = await start()
    await chat.open('c')
    chat.send('More', null)
    const { client_id } = lastSend()
    reconnect()
    expect(lastSend().client_id).toBe(client_id)
    StubSocket.last.deliver(accepted(client_id))
    StubSocket.last.deliver(accepted(client_id))
    reconnect()
    expect(StubSocket.last.sent.filter((item) => item.type === 'message.send')).toEqual([])
    expect(chat.branch.filter(({ id }) => id === 'q2')).toHaveLength(1)
  })

  it('survives a reload of the tab before it was accepted', async () => {
    const first = await start()
    await first.chat.open('c')
    StubSocket.last.lose()
    first.chat.send('Written offline', null)
    first.socket.disconnect()

    const { chat } = await start()
    expect(lastSend().text).toBe('Written offline')
    await chat.open('c')
    expect(chat.outgoing.map(({ text }) => text)).toEqual(['Written offline'])
  })

  it('that is refused says why and goes out again only when asked', async () => {
    const { chat } = await start()
    await chat.open('c')
    chat.send('too long', null)
    const { client_id } = lastSend()
    StubSocket.last.deliver({
      type: 'error', error: { code: 'too_long', message: 'Shorten it.', details: {} }, request: { type: 'message.send', client_id },
    })
    expect(chat.outgoing[0]?.problem?.message).toBe('Shorten it.')
    reconnect()
    expect(StubSocket.last.sent.filter((item) => item.type === 'message.send')).toEqual([])
    chat.resend(client_id)
    expect(lastSend().client_id).toBe(client_id)
  })
})

it('shows another answer in place of the first one', async () => {
  server.messages = [message('q1', null, { text: 'How many days?' }), message('r1', 'q1', { text: 'Five.', seq: 5 })]
  const { chat } = await start()
  await chat.open('c')
  chat.regenerate('r1')
  const command = StubSocket.last.sent.at(-1)
  expect(command).toMatchObject({ type: 'reply.regenerate', message_id: 'r1' })
  StubSocket.last.deliver({ type: 'message.accepted', client_id: 'x', conversation_id: 'c', message_id: 'q1', reply_id: 'r9' })
  expect(shown(chat)).toEqual([['q1', 'How many days?', 'finished'], ['r9', '', 'queued']])
})

it('stops an answer also when the connection is away at that moment', async () => {
  const { chat } = await start()
  await chat.open('c')
  StubSocket.last.lose()
  chat.stop('r1')
  vi.advanceTimersByTime(20_000)
  StubSocket.last.accept()
  expect(StubSocket.last.sent).toContainEqual({ type: 'reply.stop', message_id: 'r1' })
})

it('forgets everything of the person who signs out', async () => {
  const { chat } = await start()
  await chat.open('c')
  StubSocket.last.lose()
  chat.send('secret', null)
  chat.forget()
  expect(chat.branch).toEqual([])
  expect(sessionStorage.getItem('loredesk-outbox')).toBe('[]')
})
