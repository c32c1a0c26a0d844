import { request, requestAll, requestNext } from './client'
import type { Conversation, Message, Page } from './types'

export const conversationList = () =>
  // What systems asked over the API in a person's name is not what that person asked here.
  request<Page<Conversation>>('GET', '/conversations', { query: { origin: 'page' } })

export const conversationListNext = (next: string) => requestNext<Page<Conversation>>(next)

export const conversationGet = (id: string) => request<Conversation>('GET', `/conversations/${id}`)

export const conversationRename = (id: string, title: string) =>
  request<Conversation>('PATCH', `/conversations/${id}`, { body: { title } })

export const conversationDelete = (id: string) => request<undefined>('DELETE', `/conversations/${id}`)

export const messageList = (id: string) =>
  requestAll<Message>(`/conversations/${id}/messages`, { query: { page_size: 200 } })
