/** Every message of the socket, by name: the mirror of the server's `events.py`. */

import type { Metric, Named, RunState, TrainingRun } from '@/api/types'

// What this page sends

export interface MessageSend {
  type: 'message.send'
  client_id: string
  text: string
  conversation_id?: string
  assistant?: string
  parent_id?: string
}

export interface ReplyFollow {
  type: 'reply.follow'
  message_id: string
  after_seq: number
}

export interface ReplyCommand {
  type: 'reply.stop' | 'reply.regenerate' | 'reply.continue'
  message_id: string
  /** With `reply.regenerate`: the same again changes nothing. */
  client_id?: string
}

export interface RunFollow {
  type: 'run.follow'
  run_id: string
  after_step: number
  after_offset?: number
}

export type ClientMessage = MessageSend | ReplyFollow | ReplyCommand | RunFollow

// What the server sends

export interface MessageAccepted {
  type: 'message.accepted'
  client_id: string
  conversation_id: string
  /** The person's message. */
  message_id: string
  /** The assistant's message: the `message_id` of every event of the reply. */
  reply_id: string
}

interface ReplyBase {
  message_id: string
  /** Counts the events of one answer from 1, without a gap. */
  seq: number
}

export interface ReplyStarted extends ReplyBase {
  type: 'reply.started'
  /** Null where the base answers alone. */
  adapter?: Named | null
}

export interface ReplyToken extends ReplyBase {
  type: 'reply.token'
  text: string
}

export interface ReplyReasoning extends ReplyBase {
  type: 'reply.reasoning'
  text: string
}

export interface ReplySources extends ReplyBase {
  type: 'reply.sources'
  sources: unknown[]
}

export interface ReplyFinished extends ReplyBase {
  type: 'reply.finished'
  /** `length`: the longest allowed answer was reached. */
  finish_reason?: string
  usage?: Record<string, number>
}

export interface ReplyStopped extends ReplyBase {
  type: 'reply.stopped'
}

export interface ReplyInterrupted extends ReplyBase {
  type: 'reply.interrupted'
}

export interface ReplyFailed extends ReplyBase {
  type: 'reply.failed'
  code: string
  message: string
}

export type ReplyEvent =
  | ReplyStarted
  | ReplyToken
  | ReplyReasoning
  | ReplySources
  | ReplyFinished
  | ReplyStopped
  | ReplyInterrupted
  | ReplyFailed

export interface RunMetricEvent extends Metric {
  type: 'run.metric'
  run_id: string
}

/** Carries every field of the training run beside these. */
export interface RunStateEvent extends Partial<TrainingRun> {
  type: 'run.state'
  run_id: string
  step: number
  state: RunState
}

export interface RunLogEvent {
  type: 'run.log'
  run_id: string
  step: number
  /** Bytes of the log up to the end of `text`. */
  offset: number
  text: string
}

export interface ErrorEvent {
  type: 'error'
  error: { code: string; message: string; details: Record<string, unknown> }
  /** The type and ids of the message that could not be done. */
  request?: Record<string, string>
}

export type ServerEvent =
  | MessageAccepted
  | ReplyEvent
  | RunMetricEvent
  | RunStateEvent
  | RunLogEvent
  | ErrorEvent

export type ServerEventOf<Type extends ServerEvent['type']> = Extract<ServerEvent, { type: Type }>

const REPLY_EVENTS = new Set<string>([
  'reply.started',
  'reply.token',
  'reply.reasoning',
  'reply.sources',
  'reply.finished',
  'reply.stopped',
  'reply.interrupted',
  'reply.failed',
])

/** Whether an event belongs to an answer that is being written. */
export function isReplyEvent(event: ServerEvent): event is ReplyEvent {
  return REPLY_EVENTS.has(event.type)
}
