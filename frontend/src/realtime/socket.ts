/**
 * The tab's one socket: opens, comes back after a loss, and says again what is being followed.
 * It knows messages by their `type` only; what they mean is the business of stores and composables.
 */

import { readonly, shallowRef, type ShallowRef } from 'vue'
import { backoffMs } from './backoff'
import type { ClientMessage, ServerEvent } from './events'

export type ConnectionState =
  /** Nobody asked for a connection. */
  | 'idle'
  | 'connecting'
  | 'open'
  /** Lost; another try is coming. */
  | 'waiting'

type Handler = (event: ServerEvent) => void

export interface Loss {
  /** False when the server never let us in. */
  wasOpen: boolean
  /** Why the server closed; 0 when the loss was noticed here. */
  code: number
}

/** Close codes after which the session is to be asked for again: it ended, or it may do other things now. */
export const SESSION_CHANGED: readonly number[] = [4401, 4409]

export interface TabSocketOptions {
  /** Default: `/ws/` of the page's own origin. */
  url?: string
  /** For tests. */
  socketClass?: typeof WebSocket
  random?: () => number
}

/** A connection that stayed this long was a good one: the next loss starts with a short wait. */
const STABLE_MS = 3_000

export class TabSocket {
  readonly state: Readonly<ShallowRef<ConnectionState>>

  private readonly _state = shallowRef<ConnectionState>('idle')
  private readonly handlers = new Set<Handler>()
  private readonly openHandlers = new Set<() => void>()
  private readonly lossHandlers = new Set<(loss: Loss) => void>()
  /** What is followed, by key; each makes its message anew, with the position reached by then. */
  private readonly subscriptions = new Map<string, () => ClientMessage>()
  private socket: WebSocket | null = null
  private attempt = 0
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private stableTimer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: TabSocketOptions = {}) {
    this.state = readonly(this._state)
  }

  /** Connects and stays connected until `disconnect`. Calling it again changes nothing. */
  connect(): void {
    if (this._state.value !== 'idle') return
    window.addEventListener('online', this.retryNow)
    window.addEventListener('offline', this.drop)
    document.addEventListener('visibilitychange', this.retryWhenVisible)
    this.attempt = 0
    this.open()
  }

  disconnect(): void {
    window.removeEventListener('online', this.retryNow)
    window.removeEventListener('offline', this.drop)
    document.removeEventListener('visibilitychange', this.retryWhenVisible)
    this.clearTimers()
    const socket = this.socket
    this.socket = null
    this._state.value = 'idle'
    this.subscriptions.clear()
    if (socket === null) return
    this.detach(socket)
    socket.close()
  }

  /** Sends now if connected; returns whether it went out. */
  send(message: ClientMessage): boolean {
    if (this._state.value !== 'open' || this.socket === null) return false
    this.socket.send(JSON.stringify(message))
    return true
  }

  /** Sends `message()` now and after every reconnect, until the returned function is called. */
  follow(key: string, message: () => ClientMessage): () => void {
    this.subscriptions.set(key, message)
    this.send(message())
    return () => {
      if (this.subscriptions.get(key) === message) this.subscriptions.delete(key)
    }
  }

  onEvent(handler: Handler): () => void {
    this.handlers.add(handler)
    return () => this.handlers.delete(handler)
  }

  /** Runs at every (re)connection, before the subscriptions are said again. */
  onOpen(handler: () => void): () => void {
    this.openHandlers.add(handler)
    return () => this.openHandlers.delete(handler)
  }

  /** Runs at every loss. */
  onLoss(handler: (loss: Loss) => void): () => void {
    this.lossHandlers.add(handler)
    return () => this.lossHandlers.delete(handler)
  }

  /** Closes and opens again, as after a change of language, which the server reads at the start. */
  restart(): void {
    this.drop()
    this.retryNow()
  }

  readonly retryNow = (): void => {
    if (this._state.value !== 'waiting') return
    clearTimeout(this.retryTimer)
    this.open()
  }

  private readonly retryWhenVisible = (): void => {
    if (document.visibilityState === 'visible') this.retryNow()
  }

  /** The network is gone: do not wait for the socket to notice. */
  private readonly drop = (): void => {
    if (this.socket === null) return
    const socket = this.socket
    this.detach(socket)
    socket.close()
    this.lost({ wasOpen: this._state.value === 'open', code: 0 })
  }

  private open(): void {
    this._state.value = 'connecting'
    const SocketClass = this.options.socketClass ?? WebSocket
    const socket = new SocketClass(this.options.url ?? ownUrl())
    this.socket = socket
    socket.onopen = () => {
      this._state.value = 'open'
      this.stableTimer = setTimeout(() => (this.attempt = 0), STABLE_MS)
      for (const handler of this.openHandlers) handler()
      for (const message of this.subscriptions.values()) this.send(message())
    }
    socket.onmessage = (message: MessageEvent<string>) => this.receive(message.data)
    socket.onclose = ({ code }) => {
      const wasOpen = this._state.value === 'open'
      this.detach(socket)
      this.lost({ wasOpen, code })
    }
  }

  private receive(data: string): void {
    const event = JSON.parse(data) as ServerEvent
    for (const handler of this.handlers) handler(event)
  }

  private lost(loss: Loss): void {
    this.clearTimers()
    this.socket = null
    this._state.value = 'waiting'
    this.retryTimer = setTimeout(this.retryNow, backoffMs(this.attempt, this.options.random))
    this.attempt += 1
    for (const handler of this.lossHandlers) handler(loss)
  }

  private detach(socket: WebSocket): void {
    socket.onopen = socket.onmessage = socket.onclose = null
  }

  private clearTimers(): void {
    clearTimeout(this.retryTimer)
    clearTimeout(this.stableTimer)
  }
}

function ownUrl(): string {
  const { protocol, host } = window.location
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws/`
}

let shared: TabSocket | undefined

/** The socket of this tab. */
export function useSocket(): TabSocket {
  shared ??= new TabSocket()
  return shared
}
