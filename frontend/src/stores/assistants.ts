/** The assistants that this person may use, read once and after every change. */

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as api from '@/api/assistants'
import type { Assistant } from '@/api/types'

export const useAssistantsStore = defineStore('assistants', () => {
  const items = ref<Assistant[]>([])
  /** Administrators also see those out of use; nobody can ask them. */
  const active = computed(() => items.value.filter((assistant) => assistant.is_active))
  const isLoaded = ref(false)
  const error = shallowRef<unknown>(null)

  async function load(): Promise<void> {
    error.value = null
    try {
      items.value = await api.assistantList()
      isLoaded.value = true
    } catch (cause) {
      error.value = cause
    }
  }

  function byId(id: string | null): Assistant | undefined {
    return items.value.find((assistant) => assistant.id === id || assistant.slug === id)
  }

  async function promote(adapterId: string, assistantId: string, overrideReason = ''): Promise<Assistant> {
    return put(await api.adapterPromote(adapterId, assistantId, overrideReason))
  }

  async function rollback(assistantId: string): Promise<Assistant> {
    return put(await api.assistantRollback(assistantId))
  }

  function put(changed: Assistant): Assistant {
    items.value = items.value.map((item) => (item.id === changed.id ? changed : item))
    return changed
  }

  return { items, active, isLoaded, error, load, byId, promote, rollback }
})
