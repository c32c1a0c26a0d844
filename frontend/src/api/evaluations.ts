import { request, requestEvents } from './client'
import type { BlindChoice, BlindPair, Evaluation, EvaluationQuestion, GateThresholds, ModelName, Page, Problem, QuestionKind, SortMetric, Standing } from './types'

export const adapterEvaluate = (id: string) => request<Evaluation>('POST', `/adapters/${id}/evaluate`, { body: {} })

/** What the gate says of an adapter, should it answer for that assistant now. */
export const adapterStanding = (id: string, assistant: string) =>
  request<Standing>('GET', `/adapters/${id}/standing`, { query: { assistant } })

/** The newest evaluations of an adapter. */
export const evaluationsOf = (candidate: string) => request<Page<Evaluation>>('GET', '/evaluations', { query: { candidate, page_size: 1 } })

export const evaluationGet = (id: string) => request<Evaluation>('GET', `/evaluations/${id}`)

export const evaluationStop = (id: string) => request<Evaluation>('POST', `/evaluations/${id}/stop`, { body: {} })

export interface AnswersAsked {
  sort: 'improved' | 'damaged'
  metric: SortMetric
  kind: QuestionKind | null
}

export const evaluationAnswers = (id: string, asked: AnswersAsked) =>
  request<Page<EvaluationQuestion>>('GET', `/evaluations/${id}/answers`, { query: { ...asked, page_size: 10 } })

export const gateGet = (assistant: string) => request<GateThresholds>('GET', `/assistants/${assistant}/gate`)

export const gateUpdate = (assistant: string, body: GateThresholds) =>
  request<GateThresholds>('PATCH', `/assistants/${assistant}/gate`, { body })

/** Two answers to vote on; undefined where nothing is left. */
export const blindVoteNext = (evaluation: string) => request<BlindPair | undefined>('POST', `/evaluations/${evaluation}/votes`, { body: {} })

export const blindVoteCast = (id: string, choice: BlindChoice) => request<BlindPair>('POST', `/blind-votes/${id}`, { body: { choice } })

/** A piece of an answer, or why there is none. */
export interface CompareEvent {
  text?: string
  error?: Problem
}

/** Asks one of the compared models; `onEvent` is called with each piece of its answer. */
export const compareAsk = (
  asked: { adapter: string; model: ModelName; question: string },
  onEvent: (event: CompareEvent) => void,
  signal: AbortSignal,
) => requestEvents<CompareEvent>('/compare', { body: asked, onEvent, signal })
