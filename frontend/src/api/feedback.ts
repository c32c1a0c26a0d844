import { request } from './client'
import type { Feedback, Page, Rating } from './types'

/** What is left out stays as it was said before. */
export interface FeedbackChange {
  rating: Rating
  comment?: string
  correction?: string
  with_history?: boolean
}

export const feedbackGive = (messageId: string, body: FeedbackChange) =>
  request<Feedback>('POST', `/messages/${messageId}/feedback`, { body })

export const feedbackTakeBack = (messageId: string) => request<undefined>('DELETE', `/messages/${messageId}/feedback`)

export const feedbackMine = () => request<Page<Feedback>>('GET', '/feedback/mine')
