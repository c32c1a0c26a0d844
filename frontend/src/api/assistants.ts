import { request, requestAll } from './client'
import type { Adapter, Assistant, Deployment, Page } from './types'

export const assistantList = () => requestAll<Assistant>('/assistants')

/** The newest switches of what answers for the assistant. */
export const assistantHistory = (id: string) => request<Page<Deployment>>('GET', `/assistants/${id}/history`)

export const assistantRollback = (id: string) => request<Assistant>('POST', `/assistants/${id}/rollback`, { body: {} })

export const adapterList = (query: { assistant?: string; run?: string } = {}) => requestAll<Adapter>('/adapters', { query })

export const adapterGet = (id: string) => request<Adapter>('GET', `/adapters/${id}`)

export const adapterPromote = (id: string, assistant: string, overrideReason = '') =>
  request<Assistant>('POST', `/adapters/${id}/promote`, {
    body: { assistant, ...(overrideReason && { override_reason: overrideReason }) },
  })
