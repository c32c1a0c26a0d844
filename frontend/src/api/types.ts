/** What the REST interface sends and takes, by `docs/openapi.json` and the contracts of the house. */

export interface Page<Row> {
  results: Row[]
  next: string | null
}

export interface Named {
  id: string
  name: string
}

/** What a version calls the part of a record, and the filter of its items. */
export type Split = 'train' | 'validation' | 'golden' | 'dropped'

// Session

export type Language = 'zh-hans' | 'en'
export type Theme = 'system' | 'light' | 'dark'

export type Action =
  | 'chat'
  | 'records.read'
  | 'records.write'
  | 'records.approve'
  | 'versions.freeze'
  | 'runs.read'
  | 'runs.write'
  | 'adapters.export'
  | 'adapters.promote'
  | 'assistants.manage'
  | 'people.manage'
  | 'audit.read'

export interface Person {
  id: string
  username: string
  display_name: string
  department: Named | null
  /** Empty: as the browser asks. */
  language: Language | ''
  theme: Theme
  roles: string[]
  may: Action[]
}

export interface Session {
  user: Person | null
  four_eyes: boolean
  embedded: boolean
  version: string
}

// Assistants and adapters

export interface Assistant {
  id: string
  slug: string
  name: string
  description: string
  system_prompt: string
  base_model: string
  production_adapter: Named | null
  suggested_questions: { zh?: string[]; en?: string[] }
  is_active: boolean
}

export interface Deployment {
  id: string
  adapter: Named | null
  by: Named | null
  at: string
  action: 'promote' | 'rollback'
  override_reason: string
}

/** Where an adapter came from; these pages read its losses only. */
export interface AdapterCard {
  settings?: RunSettings
  metrics?: { final_loss?: number; eval_loss?: number | null }
}

export interface Adapter {
  id: string
  name: string
  run: string
  /** The run's. */
  number: number
  assistant: { id: string; slug: string; name: string }
  base_model: string
  card: AdapterCard
  created_at: string
  /** Ids of the assistants that answer with it now. */
  live_in: string[]
  may_promote: boolean
  /** The assistant's system prompt is no longer the one that the adapter was trained under. */
  prompt_changed: boolean
  /** So is the base model's chat template. */
  template_changed: boolean
}

// Versions

export interface DatasetVersion {
  id: string
  number: number
  sha256: string
  /** Records. */
  counts: Record<Split, number>
  /** One for each wording of a record's question. */
  examples: { train: number; validation: number; golden: number }
  created_at: string
  created_by: Named | null
  validation_share: number
  note: string
  /** What the quality checks said when it was frozen: kind and number. */
  findings: Record<string, number>
  /** What people call each kind. */
  finding_names: Record<string, string>
  /** Records whose words were erased since: the hash no longer fits what is left. */
  erased: number
}

/** What became of a record from one version to another. */
export type Change = 'added' | 'changed' | 'removed' | 'moved' | 'dropped'

export interface FreezePreview {
  counts: Record<Split, number>
  against: { id: string; number: number } | null
  changes: Record<Change, number>
  findings: Record<string, number>
  /** What people call each kind. */
  finding_names: Record<string, string>
  expiring: number
  dropped_records: { record: string; instruction: string; reason: string }[]
}

export interface DiffRow {
  record: string
  change: Change
  instruction: string
  from_revision: number | null
  to_revision: number | null
  from_split: Split | null
  to_split: Split | null
  /** Why it is left out; empty otherwise. */
  reason: string
}

/** A run of characters that both texts have, or one of them. */
export interface DiffPiece {
  kind: 'same' | 'removed' | 'added'
  text: string
}

export interface FieldChange {
  name: string
  /** What people call the field. */
  title: string
  pieces: DiffPiece[]
}

export interface VersionDiff extends Page<DiffRow> {
  before: { id: string; number: number }
  after: { id: string; number: number }
  counts: Record<Change, number>
}

export interface VersionItem {
  record: string
  revision: number
  split: Split
  /** Why it was left out; empty otherwise. */
  reason: string
  instruction: string
  output: string
  /** Its words are gone. */
  erased: boolean
}

// Runs

export type RunState = 'queued' | 'running' | 'stopping' | 'stopped' | 'failed' | 'succeeded'

export type SettingValue = number | string | boolean | string[] | null
export type RunSettings = Record<string, SettingValue>

export interface Problem {
  code: string
  message: string
}

export interface TrainingRun {
  id: string
  number: number
  state: RunState
  /** `loading`, `training` or `saving`; empty without a process. */
  phase: string
  resumable: boolean
  step: number
  total_steps: number
  epoch: number
  /** From 0 to 1. */
  progress: number
  remaining_s: number | null
  /** Place in the queue, from 1; null when it does not wait. */
  position: number | null
  dataset_version: { id: string; number: number }
  assistant: { id: string; slug: string; name: string }
  base_model: string
  /** The adapter that it goes on from. */
  parent: { id: string; name: string } | null
  settings: RunSettings
  started_by: Named | null
  created_at: string
  started_at: string | null
  finished_at: string | null
  adapter: string | null
  adapter_name: string | null
  error: Problem | null
  advice: string | null
  /** Examples left out, and why. */
  dropped: { id: string; reason: string }[]
  /** Of a run that waits; null where it is not known, absent on the socket. */
  expected_start?: string | null
  /** Of one run alone, not in lists. */
  curve_advice?: CurveAdvice[]
  /** Where the validation loss was lowest; of one run alone. */
  best_step?: number | null
}

/** What a run's curves advise, with settings for the next run. */
export interface CurveAdvice {
  code: string
  message: string
  fix: RunSettings
}

export type MetricKind =
  | 'loss'
  | 'eval_loss'
  | 'learning_rate'
  | 'grad_norm'
  | 'tokens_per_second'
  | 'memory_bytes'

export interface Metric {
  step: number
  kind: MetricKind
  value: number
}

export interface SettingField {
  name: string
  type: 'int' | 'float' | 'bool' | 'choice' | 'list'
  min: number | null
  max: number | null
  choices: string[] | null
  /** May be null, which leaves it out. */
  optional: boolean
  default: SettingValue
  /** Why it can only be as it is here; null where it can be chosen. */
  unavailable: string | null
}

export interface RunDefaults {
  settings: RunSettings
  fields: SettingField[]
  train_examples: number | null
  validation_examples: number | null
  steps: number | null
  base_model: string
  presets: { name: string; settings: RunSettings }[]
}

// Chat

export interface Conversation {
  id: string
  title: string
  assistant: string
  updated_at: string
  current_message: string | null
}

export type MessageState = 'queued' | 'streaming' | 'finished' | 'stopped' | 'failed' | 'interrupted'

export interface Message {
  id: string
  conversation: string
  parent: string | null
  role: 'user' | 'assistant'
  text: string
  reasoning: string
  state: MessageState
  /** The last event number whose text is contained in `text`. */
  seq: number
  adapter: Named | null
  usage: Record<string, number> | null
  /** `length`: the longest allowed answer was reached. */
  finish_reason: string
  error: Problem | null
  /** The owner's own word on it. */
  feedback?: Feedback | null
  created_at: string
}

// Feedback

export type Rating = 'up' | 'down'

/** What became of it; a record's status once it has become one. */
export type FeedbackOutcome = 'waiting' | 'draft' | 'in_review' | 'approved' | 'rejected' | 'archived' | 'deleted' | 'handled'

/** A person's word on an answer, as that person sees it. */
export interface Feedback {
  id: string
  message: string
  question: string
  answer: string
  assistant_name: string
  rating: Rating
  comment: string
  correction: string
  /** The earlier turns of the conversation were sent along. */
  with_history: boolean
  state: 'open' | 'drafted' | 'handled'
  outcome: FeedbackOutcome
  note: string
  created_at: string
  updated_at: string
}

// Evaluations

export type ModelName = 'base' | 'production' | 'candidate'
export type QuestionKind = 'golden' | 'validation' | 'probe'
export type SortMetric = 'chrf' | 'rouge_l' | 'exact' | 'contains' | 'perplexity'
export type MetricName = SortMetric | 'refusal' | 'repetition' | 'length' | 'cut_off'

export interface Gate {
  passed: boolean
  /** Why not, in sentences. */
  reasons: string[]
  codes: string[]
}

/** Means over the questions of a kind; `count` says how many there were. */
export type Means = Record<MetricName | 'count', number | null>

export interface Evaluation {
  id: string
  number: number
  state: RunState
  step: number
  total_steps: number
  error: Problem | null
  advice: string
  candidate: Named
  run: string
  /** Null: the base model answered alone. */
  production: Named | null
  assistant: Named
  started_by: string | null
  /** What the candidate is compared with. */
  reference: ModelName
  scores: Partial<Record<ModelName, Partial<Record<QuestionKind, Means>>>> | null
  changes: Partial<Record<QuestionKind, { better: number; worse: number; same: number }>>
  gate: Gate | null
  /** Blind votes by what they preferred. */
  votes: { candidate: number; reference: number; tie: number }
  notes: {
    judge?: { model: string; error: string; candidate: number; reference: number; tie: number } | null
    seconds?: number
    left_out?: { id: string; reason: string }[]
    thinned?: Partial<Record<QuestionKind, number>>
  }
  created_at: string
  collected_at: string | null
}

export interface EvaluationAnswer {
  text: string
  finish_reason: string
  metrics: Record<MetricName, number | null>
}

export interface EvaluationQuestion {
  id: number
  kind: QuestionKind
  record: string | null
  /** Empty where its record was erased. */
  question: string
  expected: string
  /** Above 0: the candidate is better. */
  change: number
  answers: Partial<Record<ModelName, EvaluationAnswer>>
  /** The judge's; empty where none was asked. */
  verdict: 'candidate' | 'reference' | 'tie' | ''
}

export type BlindChoice = 'first' | 'second' | 'tie'

/** Two answers whose owners are told after the choice. */
export interface BlindPair {
  id: string
  question: string
  first: string
  second: string
  choice: BlindChoice | ''
  /** Empty before the choice. */
  candidate: 'first' | 'second' | ''
}

/** What a candidate must reach, in shares from 0 to 1, times, and questions. */
export interface GateThresholds {
  max_chrf_drop: number
  max_rouge_l_drop: number
  max_perplexity_ratio: number
  max_probe_drop: number
  min_examples: number
}

/** What is known of an adapter against what is in production now. */
export interface Standing {
  evaluation: string | null
  gate: Gate | null
  /** It is promoted only for a reason that somebody gives. */
  needs_reason: boolean
}
