/** Who is signed in, and what they may do. */

import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import * as api from '@/api/session'
import type { Action, Language, Person, Session, Theme } from '@/api/types'

export const useSessionStore = defineStore('session', () => {
  const session = ref<Session | null>(null)
  let loading: Promise<void> | undefined

  const user = computed<Person | null>(() => session.value?.user ?? null)
  const isKnown = computed(() => session.value !== null)
  /** The rule that nobody decides on their own work is off, as in the embedded default. */
  const isUnreviewed = computed(() => session.value !== null && session.value.embedded && !session.value.four_eyes)
  const isStaff = computed(() => may('records.read') || may('people.manage'))

  function may(action: Action): boolean {
    return user.value?.may.includes(action) ?? false
  }

  /** Asks the server once; later calls wait for the same answer. */
  function ensure(): Promise<void> {
    if (session.value !== null) return Promise.resolve()
    loading ??= refresh().finally(() => (loading = undefined))
    return loading
  }

  async function refresh(): Promise<void> {
    session.value = await api.sessionGet()
  }

  async function signIn(username: string, password: string): Promise<void> {
    session.value = await api.sessionCreate(username, password)
  }

  async function signOut(): Promise<void> {
    await api.sessionDelete()
    forget()
  }

  /** The server no longer knows us. */
  function forget(): void {
    if (session.value !== null) session.value = { ...session.value, user: null }
  }

  async function updateProfile(profile: { language?: Language; theme?: Theme }): Promise<void> {
    if (user.value !== null) session.value = await api.sessionUpdate(profile)
  }

  return { session, user, isKnown, isUnreviewed, isStaff, may, ensure, refresh, signIn, signOut, forget, updateProfile }
})
