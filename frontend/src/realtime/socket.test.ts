import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StubSocket } from '@/testing/stub-socket'
import { backoffMs } from './backoff'
import { TabSocket, type Loss } from './socket'

function makeSocket(): TabSocket {
  return new TabSocket({ socketClass: StubSocket.asClass(), url: 'ws://here/ws/', random: () => 0.5 })
}

describe('TabSocket', () => {
  let socket: TabSocket

  beforeEach(() => {
    vi.useFakeTimers()
    socket = makeSocket()
  })
  afterEach(() => {
    socket.disconnect()
    vi.useRealTimers()
  })

  it('opens one connection however often it is asked', () => {
    socket.connect()
    socket.connect()
    expect(StubSocket.instances).toHaveLength(1)
    StubSocket.last.accept()
    expect(socket.state.value).toBe('open')
  })

  it('sends only when open and says so', () => {
    socket.connect()
    expect(socket.send({ type: 'reply.stop', message_id: 'm' })).toBe(false)
    StubSocket.last.accept()
    expect(socket.send({ type: 'reply.stop', message_id: 'm' })).toBe(true)
    expect(StubSocket.last.sent).toEqual([{ type: 'reply.stop', message_id: 'm' }])
  })

  it('comes back with growing waits and starts short again after a stable connection', () => {
    socket.connect()
    StubSocket.last.lose()
    expect(socket.state.value).toBe('waiting')
    vi.advanceTimersByTime(499)
    expect(StubSocket.instances).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(StubSocket.instances).toHaveLength(2)
    StubSocket.last.lose()
    vi.advanceTimersByTime(999)
    expect(StubSocket.instances).toHaveLength(2)
    vi.advanceTimersByTime(1)
    expect(StubSocket.instances).toHaveLength(3)

    StubSocket.last.accept()
    vi.advanceTimersByTime(3_000)
    StubSocket.last.lose()
    vi.advanceTimersByTime(500)
    expect(StubSocket.instances).toHaveLength(4)
  })

  it('keeps waiting longer when connections open but do not last', () => {
    socket.connect()
    StubSocket.last.accept()
    StubSocket.last.lose()
    vi.advanceTimersByTime(500)
    StubSocket.last.accept()
    StubSocket.last.lose()
    vi.advanceTimersByTime(500)
    expect(StubSocket.instances).toHaveLength(2)
  })

  it('says again what is followed, with the position reached by then', () => {
    let seq = 0
    socket.connect()
    StubSocket.last.accept()
    const unfollow = socket.follow('r', () => ({ type: 'reply.follow', message_id: 'r', after_seq: seq }))
    expect(StubSocket.last.sent).toEqual([{ type: 'reply.follow', message_id: 'r', after_seq: 0 }])

    seq = 7
    StubSocket.last.lose()
    vi.advanceTimersByTime(500)
    StubSocket.last.accept()
    expect(StubSocket.last.sent).toEqual([{ type: 'reply.follow', message_id: 'r', after_seq: 7 }])

    unfollow()
    StubSocket.last.lose()
    vi.advanceTimersByTime(1_000)
    StubSocket.last.accept()
    expect(StubSocket.last.sent).toEqual([])
  })

  it('hands events to its listeners until they leave', () => {
    const seen: string[] = []
    const leave = socket.onEvent((event) => seen.push(event.type))
    socket.connect()
    StubSocket.last.accept()
    StubSocket.last.deliver({ type: 'reply.started', message_id: 'm', seq: 1 })
    leave()
    StubSocket.last.deliver({ type: 'reply.stopped', message_id: 'm', seq: 2 })
    expect(seen).toEqual(['reply.started'])
  })

  it('tells whether a lost connection had ever been let in, and why it ended', () => {
    const losses: Loss[] = []
    socket.onLoss((loss) => losses.push(loss))
    socket.connect()
    StubSocket.last.lose()
    vi.advanceTimersByTime(500)
    StubSocket.last.accept()
    StubSocket.last.lose(4401)
    expect(losses).toEqual([{ wasOpen: false, code: 1006 }, { wasOpen: true, code: 4401 }])
  })

  it('restarts at once and goes on following', () => {
    socket.connect()
    StubSocket.last.accept()
    socket.follow('r', () => ({ type: 'reply.follow', message_id: 'r', after_seq: 3 }))
    socket.restart()
    expect(StubSocket.instances).toHaveLength(2)
    StubSocket.last.accept()
    expect(StubSocket.last.sent).toEqual([{ type: 'reply.follow', message_id: 'r', after_seq: 3 }])
  })

  it('drops the connection when the network goes and tries at once when it returns', () => {
    socket.connect()
    StubSocket.last.accept()
    window.dispatchEvent(new Event('offline'))
    expect(socket.state.value).toBe('waiting')
    expect(StubSocket.last.isClosed).toBe(true)
    window.dispatchEvent(new Event('online'))
    expect(StubSocket.instances).toHaveLength(2)
  })

  it('stays away after disconnect', () => {
    socket.connect()
    StubSocket.last.accept()
    socket.disconnect()
    StubSocket.instances[0]?.lose()
    vi.advanceTimersByTime(60_000)
    expect(StubSocket.instances).toHaveLength(1)
    expect(socket.state.value).toBe('idle')
  })
})

describe('backoffMs', () => {
  it('doubles, is capped and spreads by a fifth', () => {
    expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, () => 0.5))).toEqual([500, 1000, 2000, 4000])
    expect(backoffMs(30, () => 0.5)).toBe(15_000)
    expect(backoffMs(0, () => 0)).toBe(400)
    expect(backoffMs(0, () => 1)).toBe(600)
  })
})
