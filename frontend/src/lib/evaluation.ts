/** Which numbers an evaluation shows, how they are written, and which change is a good one. */

import type { Evaluation, Means, MetricName, ModelName, QuestionKind } from '@/api/types'

export const MODELS: ModelName[] = ['base', 'production', 'candidate']
export const KINDS: QuestionKind[] = ['golden', 'validation', 'probe']

const OWN: MetricName[] = ['chrf', 'rouge_l', 'perplexity', 'exact', 'contains', 'refusal', 'repetition', 'cut_off', 'length']
const GENERAL: MetricName[] = ['contains', 'refusal', 'repetition', 'cut_off', 'length']

/** The numbers that say something about questions of a kind: general ones are right or wrong. */
export function metricsOf(kind: QuestionKind): MetricName[] {
  return kind === 'probe' ? GENERAL : OWN
}

export type MetricForm = 'percent' | 'number' | 'count'

export function formOf(metric: MetricName): MetricForm {
  if (metric === 'perplexity') return 'number'
  return metric === 'length' ? 'count' : 'percent'
}

const MORE_IS_BETTER: Partial<Record<MetricName, boolean>> = {
  chrf: true, rouge_l: true, exact: true, contains: true, perplexity: false, refusal: false, repetition: false, cut_off: false,
}
/** Differences that nobody would see. */
const SAME = 0.005

/** Whether the candidate's number is a better or a worse one; a length is neither. */
export function judged(metric: MetricName, reference: number | null | undefined, candidate: number | null | undefined): 'better' | 'worse' | 'same' {
  const isMoreBetter = MORE_IS_BETTER[metric]
  if (isMoreBetter === undefined || reference === undefined || candidate === undefined) return 'same'
  // Only a perplexity has no number, and then it is beyond all numbers.
  const [before, now] = [reference ?? Infinity, candidate ?? Infinity]
  if (before === now || Math.abs(now - before) <= SAME) return 'same'
  return now > before === isMoreBetter ? 'better' : 'worse'
}

export interface Headline {
  kind: QuestionKind
  better: number
  worse: number
  total: number
}

/** What the first sentence is about: golden questions, else those of validation; null without any. */
export function headline(changes: Evaluation['changes']): Headline | null {
  for (const kind of ['golden', 'validation'] as const) {
    const counts = changes[kind]
    if (counts) return { kind, better: counts.better, worse: counts.worse, total: counts.better + counts.worse + counts.same }
  }
  return null
}

export interface ScoreTable {
  kind: QuestionKind
  count: number
  models: ModelName[]
  rows: { metric: MetricName; values: Record<string, number | null>; change: 'better' | 'worse' | 'same' }[]
}

/** One table for each kind of questions that was asked. */
export function scoreTables(evaluation: Pick<Evaluation, 'scores' | 'reference'>): ScoreTable[] {
  const scores = evaluation.scores ?? {}
  const models = MODELS.filter((model) => scores[model])
  return KINDS.flatMap((kind) => {
    const of = (model: ModelName): Means | undefined => scores[model]?.[kind]
    const candidate = of('candidate')
    if (candidate === undefined) return []
    const rows = metricsOf(kind).map((metric) => ({
      metric,
      values: Object.fromEntries(models.map((model) => [model, of(model)?.[metric] ?? null])),
      change: judged(metric, of(evaluation.reference)?.[metric], candidate[metric]),
    }))
    return [{ kind, count: candidate.count ?? 0, models, rows }]
  })
}
