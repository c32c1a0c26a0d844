/** The open conversation: its messages, the answers being written, and what is still to be sent. */

import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'
import * as api from '@/api/conversations'
import type { Feedback, Message } from '@/api/types'
import { branchOf } from '@/lib/thread'
import { isReplyEvent, type ErrorEvent, type MessageAccepted, type ReplyCommand, type ServerEvent } from '@/realtime/events'
import { asMessage, Outbox } from '@/realtime/outbox'
import { applyReplyEvent, isOpen } from '@/realtime/reply'
import { useSocket } from '@/realtime/socket'
import { useConversationsStore } from './conversations'

/** After a hole in the numbers: how long a replay may take before the stored messages are read again. */
const REPLAY_PATIENCE_MS = 3_000

export const useChatStore = defineStore('chat', () => {
  const socket = useSocket()
  const conversations = useConversationsStore()
  const outbox = new Outbox()

  const conversationId = ref<string | null>(null)
  const assistantId = ref<string | null>(null)
  const currentId = ref<string | null>(null)
  const messages = reactive(new Map<string, Message>())
  const isLoading = ref(false)
  const loadError = shallowRef<unknown>(null)
  /** The last request of ours that the server refused, when it belongs to no message on the page. */
  const refusal = shallowRef<ErrorEvent['error'] | null>(null)

  const follows = new Map<string, () => void>()
  const replays = new Map<string, ReturnType<typeof setTimeout>>()
  /** Grows when the end of the branch moves, so that an older answer does not move it back. */
  let moves = 0
  /** Commands given while the connection was away. */
  const commands: ReplyCommand[] = []

  const branch = computed(() => branchOf(messages, currentId.value))
  const outgoing = computed(() => outbox.entries.filter((entry) => entry.conversationId === conversationId.value))
  const openReply = computed(() => branch.value.find((message) => message.role === 'assistant' && isOpen(message.state)))

  /** Shows a conversation, or with null the page of a new one. */
  async function open(id: string | null): Promise<void> {
    if (id === conversationId.value && (id === null || messages.size > 0)) {
      // Shown already; another tab may have gone on meanwhile.
      await load()
      return
    }
    leave()
    conversationId.value = id
    if (id !== null) await load()
  }

  /** Reads the stored messages, which are the truth, and follows what is still being written. */
  async function load(): Promise<void> {
    const id = conversationId.value
    if (id === null) return
    isLoading.value = messages.size === 0
    loadError.value = null
    const movesBefore = moves
    try {
      const [conversation, stored] = await Promise.all([conversations.refresh(id), api.messageList(id)])
      if (conversationId.value !== id) return
      assistantId.value = conversation.assistant
      for (const message of stored) merge(message)
      if (moves === movesBefore) currentId.value = conversation.current_message
    } catch (cause) {
      if (conversationId.value === id) loadError.value = cause
    } finally {
      if (conversationId.value === id) isLoading.value = false
    }
  }

  function send(text: string, assistant: string | null): void {
    const entry = outbox.add({ text, conversationId: conversationId.value, assistant: conversationId.value ? null : assistant })
    socket.send(asMessage(entry))
  }

  function resend(clientId: string): void {
    outbox.mark(clientId, null)
    for (const message of outbox.unsent()) if (message.client_id === clientId) socket.send(message)
  }

  function stop(messageId: string): void {
    command({ type: 'reply.stop', message_id: messageId })
  }

  /** Another answer to the same question, beside this one. */
  function regenerate(messageId: string): void {
    command({ type: 'reply.regenerate', message_id: messageId, client_id: crypto.randomUUID() })
  }

  /** Goes on with a stopped or interrupted answer. */
  function resume(messageId: string): void {
    command({ type: 'reply.continue', message_id: messageId })
    const message = messages.get(messageId)
    if (message === undefined) return
    message.state = 'queued'
    follow(message)
  }

  /** What the person has said about an answer, as the server keeps it. */
  function setFeedback(messageId: string, feedback: Feedback | null): void {
    const message = messages.get(messageId)
    if (message !== undefined) message.feedback = feedback
  }

  function command(message: ReplyCommand): void {
    if (!socket.send(message)) commands.push(message)
  }

  function receive(event: ServerEvent): void {
    if (event.type === 'message.accepted') accept(event)
    else if (event.type === 'error') refuse(event)
    else if (isReplyEvent(event)) {
      const message = messages.get(event.message_id)
      if (message === undefined) return
      if (applyReplyEvent(message, event) === 'gap') askForReplay(message)
      else settle(message)
    }
  }

  function accept(event: MessageAccepted): void {
    const entry = outbox.take(event.client_id)
    const opensThisPage = entry !== undefined && entry.conversationId === conversationId.value
    if (opensThisPage) conversationId.value = event.conversation_id
    if (event.conversation_id === conversationId.value) {
      const base = { conversation: event.conversation_id, reasoning: '', adapter: null, usage: null, finish_reason: '', error: null, seq: 0 }
      const created_at = new Date().toISOString()
      if (!messages.has(event.message_id) && entry !== undefined) {
        messages.set(event.message_id, {
          ...base, id: event.message_id, parent: currentId.value, role: 'user', text: entry.text, state: 'finished', created_at,
        })
      }
      if (!messages.has(event.reply_id)) {
        messages.set(event.reply_id, {
          ...base, id: event.reply_id, parent: event.message_id, role: 'assistant', text: '', state: 'queued', created_at,
        })
        currentId.value = event.reply_id
        moves += 1
      }
      const reply = messages.get(event.reply_id)
      if (reply !== undefined) follow(reply)
      if (!messages.has(event.message_id)) void load()
    }
    conversations.refresh(event.conversation_id).then(
      (conversation) => {
        if (conversation.id === conversationId.value) assistantId.value = conversation.assistant
      },
      () => conversations.load(),
    )
  }

  function refuse(event: ErrorEvent): void {
    const clientId = event.request?.client_id
    if (clientId !== undefined && outbox.mark(clientId, event.error)) return
    const messageId = event.request?.message_id
    if (messageId !== undefined && messages.has(messageId)) void load()
    // A follow that fails is healed by reading the stored messages; everything else was asked for by a person.
    if (event.request?.type !== 'reply.follow' && event.request?.type !== 'run.follow') refusal.value = event.error
  }

  /** Takes a stored message in, unless what came over the socket is further ahead. */
  function merge(stored: Message): void {
    const known = messages.get(stored.id)
    const isBehind = known !== undefined
      && (known.seq > stored.seq || (known.seq === stored.seq && !isOpen(known.state) && isOpen(stored.state)))
    if (!isBehind) messages.set(stored.id, stored)
    const message = messages.get(stored.id)
    if (message !== undefined && message.role === 'assistant') settle(message)
  }

  /** Follows an answer that is being written; lets go of one that is complete. */
  function settle(message: Message): void {
    clearReplay(message.id)
    if (isOpen(message.state)) {
      if (!follows.has(message.id)) follow(message)
      return
    }
    follows.get(message.id)?.()
    follows.delete(message.id)
  }

  function follow(message: Message): void {
    follows.get(message.id)?.()
    const { id } = message
    follows.set(id, socket.follow(`reply:${id}`, () => ({
      type: 'reply.follow', message_id: id, after_seq: messages.get(id)?.seq ?? 0,
    })))
  }

  function askForReplay(message: Message): void {
    if (replays.has(message.id)) return
    socket.send({ type: 'reply.follow', message_id: message.id, after_seq: message.seq })
    replays.set(message.id, setTimeout(() => {
      replays.delete(message.id)
      void load()
    }, REPLAY_PATIENCE_MS))
  }

  function clearReplay(messageId: string): void {
    clearTimeout(replays.get(messageId))
    replays.delete(messageId)
  }

  function leave(): void {
    for (const unfollow of follows.values()) unfollow()
    follows.clear()
    for (const id of [...replays.keys()]) clearReplay(id)
    messages.clear()
    currentId.value = null
    assistantId.value = null
    loadError.value = null
    isLoading.value = false
  }

  /** Forgets everything of the person who signed out. */
  function forget(): void {
    leave()
    conversationId.value = null
    outbox.clear()
    commands.splice(0)
  }

  socket.onEvent(receive)
  socket.onOpen(() => {
    for (const message of outbox.unsent()) socket.send(message)
    for (const message of commands.splice(0)) socket.send(message)
    // What happened while we were away, in this tab or another.
    if (!isLoading.value) void load()
  })

  return {
    conversationId, assistantId, currentId, branch, outgoing, openReply, isLoading, loadError, refusal,
    open, load, send, resend, discard: (clientId: string) => outbox.take(clientId), stop, regenerate, resume, setFeedback, forget,
  }
})
