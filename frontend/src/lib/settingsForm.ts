/** The settings of a new run as a form holds them, and back. */

import type { RunSettings, SettingField, SettingValue } from '@/api/types'

/** What stands in the input of each field. */
export type SettingInputs = Record<string, string>

/** The settings that decide most; the others are folded away. */
export const MAIN_SETTINGS: readonly string[] = [
  'learning_rate', 'epochs', 'batch_size', 'gradient_accumulation', 'lora_rank', 'precision',
]

/** What must be as it was in an adapter that a run goes on from. */
export const LORA_SHAPE: readonly string[] = [
  'lora_rank', 'lora_alpha', 'lora_targets', 'lora_layer_share', 'use_rslora', 'use_dora',
]

/** The settings that decide most first, as in the form; the others stay as they come. */
export function inFormOrder<T>(entries: [string, T][]): [string, T][] {
  const main = MAIN_SETTINGS.flatMap((name) => entries.filter(([own]) => own === name))
  return [...main, ...entries.filter(([name]) => !MAIN_SETTINGS.includes(name))]
}

export function toInputs(settings: RunSettings): SettingInputs {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value ?? '')]),
  )
}

export type Complaint = { code: 'number' } | { code: 'range'; min: number; max: number }

/** What is wrong with one input as far as the page can know; the server checks again. */
export function complaintOf(field: SettingField, input: string): Complaint | null {
  if (field.type === 'choice' || field.type === 'list' || field.type === 'bool') return null
  if (input.trim() === '') return field.optional ? null : { code: 'number' }
  const value = Number(input)
  if (!Number.isFinite(value) || (field.type === 'int' && !Number.isInteger(value))) return { code: 'number' }
  const [min, max] = [field.min ?? -Infinity, field.max ?? Infinity]
  return value < min || value > max ? { code: 'range', min, max } : null
}

/** The values to send. Inputs that hold no number go as they are, so that the server can say what is wrong. */
export function fromInputs(fields: SettingField[], inputs: SettingInputs): RunSettings {
  return Object.fromEntries(fields.map((field) => [field.name, valueOf(field, inputs[field.name] ?? '')]))
}

function valueOf(field: SettingField, input: string): SettingValue {
  const text = input.trim()
  if (field.type === 'choice') return text
  if (field.type === 'bool') return text === 'true'
  if (field.type === 'list') return text.split(/[,，\s]+/).filter(Boolean)
  if (text === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : text
}

/** The server's sentences by field, out of an error's details. */
export function sentencesByField(details: Record<string, unknown>): Record<string, string> {
  const settings = (details.settings ?? {}) as Record<string, string[]>
  return Object.fromEntries(Object.entries(settings).map(([name, sentences]) => [name, sentences.join(' ')]))
}
