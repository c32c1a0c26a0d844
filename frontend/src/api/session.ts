import { request } from './client'
import type { Language, Session, Theme } from './types'

export const sessionGet = () => request<Session>('GET', '/session')

export const sessionCreate = (username: string, password: string) =>
  request<Session>('POST', '/session', { body: { username, password } })

export const sessionUpdate = (profile: { language?: Language; theme?: Theme }) =>
  request<Session>('PATCH', '/session', { body: profile })

export const sessionDelete = () => request<undefined>('DELETE', '/session')
