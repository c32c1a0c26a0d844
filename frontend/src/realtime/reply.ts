/** Puts an answer together from its numbered events: nothing lost, nothing twice. */

import type { MessageState, Named, Problem } from '@/api/types'
import type { ReplyEvent } from './events'

export interface ReplyText {
  text: string
  reasoning: string
  state: MessageState
  /** The number of the last event that is contained here. */
  seq: number
  adapter: Named | null
  usage: Record<string, number> | null
  finish_reason: string
  error: Problem | null
}

export type Applied =
  | 'applied'
  /** Known already (a replay that overlaps, a second subscription). */
  | 'old'
  /** Something in between is missing: ask for a replay from `seq`. */
  | 'gap'

/** Adds one event to `reply`, in place. */
export function applyReplyEvent(reply: ReplyText, event: ReplyEvent): Applied {
  if (event.seq <= reply.seq) return 'old'
  if (event.seq > reply.seq + 1) return 'gap'
  reply.seq = event.seq
  switch (event.type) {
    case 'reply.started':
      reply.state = 'streaming'
      reply.adapter = event.adapter ?? null
      break
    case 'reply.token':
      reply.state = 'streaming'
      reply.text += event.text
      break
    case 'reply.reasoning':
      reply.state = 'streaming'
      reply.reasoning += event.text
      break
    case 'reply.sources':
      break
    case 'reply.finished':
      reply.state = 'finished'
      reply.usage = event.usage ?? null
      reply.finish_reason = event.finish_reason ?? ''
      break
    case 'reply.stopped':
      reply.state = 'stopped'
      break
    case 'reply.interrupted':
      reply.state = 'interrupted'
      break
    case 'reply.failed':
      reply.state = 'failed'
      reply.error = { code: event.code, message: event.message }
      break
  }
  return 'applied'
}

/** Whether more is to come. */
export function isOpen(state: MessageState): boolean {
  return state === 'queued' || state === 'streaming'
}
