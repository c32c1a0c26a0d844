/** A WebSocket without a network: tests open, feed and close it by hand. */

import type { ClientMessage, ServerEvent } from '@/realtime/events'

export class StubSocket {
  static instances: StubSocket[] = []

  static get last(): StubSocket {
    const socket = StubSocket.instances.at(-1)
    if (!socket) throw new Error('no socket was opened')
    return socket
  }

  static asClass(): typeof WebSocket {
    StubSocket.instances = []
    return StubSocket as unknown as typeof WebSocket
  }

  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  readonly sent: ClientMessage[] = []
  isClosed = false

  constructor(readonly url: string) {
    StubSocket.instances.push(this)
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientMessage)
  }

  close(): void {
    this.isClosed = true
  }

  accept(): void {
    this.onopen?.()
  }

  deliver(event: ServerEvent): void {
    this.onmessage?.({ data: JSON.stringify(event) })
  }

  lose(code = 1006): void {
    this.onclose?.({ code })
  }
}
