/** The list on the left: one page at a time, newest first. */

import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import * as api from '@/api/conversations'
import type { Conversation } from '@/api/types'

export const useConversationsStore = defineStore('conversations', () => {
  const items = ref<Conversation[]>([])
  const next = ref<string | null>(null)
  const isLoaded = ref(false)
  const error = shallowRef<unknown>(null)

  async function load(): Promise<void> {
    error.value = null
    try {
      const page = await api.conversationList()
      items.value = page.results
      next.value = page.next
      isLoaded.value = true
    } catch (cause) {
      error.value = cause
    }
  }

  async function loadMore(): Promise<void> {
    if (next.value === null) return
    const page = await api.conversationListNext(next.value)
    const known = new Set(items.value.map((item) => item.id))
    items.value.push(...page.results.filter((item) => !known.has(item.id)))
    next.value = page.next
  }

  /** Puts a conversation where somebody has just written on top. */
  function put(conversation: Conversation): void {
    const others = items.value.filter((item) => item.id !== conversation.id)
    const isNewest = others.every((item) => item.updated_at <= conversation.updated_at)
    if (isNewest) {
      items.value = [conversation, ...others]
      return
    }
    items.value = items.value.map((item) => (item.id === conversation.id ? conversation : item))
  }

  async function refresh(id: string): Promise<Conversation> {
    const conversation = await api.conversationGet(id)
    put(conversation)
    return conversation
  }

  async function rename(id: string, title: string): Promise<void> {
    const renamed = await api.conversationRename(id, title)
    items.value = items.value.map((item) => (item.id === id ? renamed : item))
  }

  async function remove(id: string): Promise<void> {
    await api.conversationDelete(id)
    items.value = items.value.filter((item) => item.id !== id)
  }

  return { items, next, isLoaded, error, load, loadMore, refresh, rename, remove }
})
