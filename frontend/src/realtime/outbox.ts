/** Questions that the server has not accepted yet. They outlive a lost connection and a reload of the tab. */

import { reactive, toRaw } from 'vue'
import type { Problem } from '@/api/types'
import type { MessageSend } from './events'

export interface Outgoing {
  clientId: string
  text: string
  /** Null: opens a new conversation with `assistant`. */
  conversationId: string | null
  assistant: string | null
  /** Why the server refused it; it is not sent again by itself. */
  problem: Problem | null
}

const KEY = 'loredesk-outbox'

export class Outbox {
  readonly entries: Outgoing[]

  constructor(private readonly storage: Storage = sessionStorage) {
    this.entries = reactive(this.read())
  }

  add(entry: Omit<Outgoing, 'clientId' | 'problem'>): Outgoing {
    const outgoing = { ...entry, clientId: crypto.randomUUID(), problem: null }
    this.entries.push(outgoing)
    this.save()
    return outgoing
  }

  /** Takes an accepted or discarded question out and returns it. */
  take(clientId: string): Outgoing | undefined {
    const index = this.entries.findIndex((entry) => entry.clientId === clientId)
    if (index < 0) return undefined
    const [taken] = this.entries.splice(index, 1)
    this.save()
    return taken
  }

  /** Marks a question as refused, or clears the mark to send it again. */
  mark(clientId: string, problem: Problem | null): boolean {
    const entry = this.entries.find((candidate) => candidate.clientId === clientId)
    if (entry === undefined) return false
    entry.problem = problem
    this.save()
    return true
  }

  /** What is to be sent (again): the same `client_id` twice is harmless. */
  unsent(): MessageSend[] {
    return this.entries.filter((entry) => entry.problem === null).map(asMessage)
  }

  clear(): void {
    this.entries.splice(0)
    this.save()
  }

  private save(): void {
    this.storage.setItem(KEY, JSON.stringify(toRaw(this.entries)))
  }

  private read(): Outgoing[] {
    const stored = this.storage.getItem(KEY)
    return stored ? (JSON.parse(stored) as Outgoing[]) : []
  }
}

export function asMessage(entry: Outgoing): MessageSend {
  return {
    type: 'message.send',
    client_id: entry.clientId,
    text: entry.text,
    ...(entry.conversationId !== null && { conversation_id: entry.conversationId }),
    ...(entry.assistant !== null && { assistant: entry.assistant }),
  }
}
