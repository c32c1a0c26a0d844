import { expect, it } from 'vitest'
import type { SettingField } from '@/api/types'
import { complaintOf, fromInputs, inFormOrder, sentencesByField, toInputs } from './settingsForm'

function field(name: string, type: SettingField['type'], more: Partial<SettingField> = {}): SettingField {
  return { name, type, min: null, max: null, choices: null, optional: false, default: null, unavailable: null, ...more }
}

const fields = [
  field('learning_rate', 'float', { min: 1e-7, max: 0.1 }),
  field('batch_size', 'int', { min: 1, max: 256 }),
  field('max_steps', 'int', { min: 1, max: 1000, optional: true }),
  field('precision', 'choice', { choices: ['auto', 'fp32'] }),
  field('lora_targets', 'list'),
  field('packing', 'bool'),
  field('keep_best', 'bool'),
]

it('puts the settings that decide most first', () => {
  expect(inFormOrder([['seed', 1], ['epochs', 2], ['learning_rate', 3]])).toEqual([['learning_rate', 3], ['epochs', 2], ['seed', 1]])
})

it('gives back the settings that it was given', () => {
  const settings = { learning_rate: 0.0005, batch_size: 4, max_steps: null, precision: 'auto', lora_targets: ['q_proj', 'v_proj'], packing: true, keep_best: false }
  expect(fromInputs(fields, toInputs(settings))).toEqual(settings)
})

it('reads lists with commas of both languages', () => {
  expect(fromInputs(fields, { lora_targets: 'q_proj， v_proj,k_proj' }).lora_targets).toEqual(['q_proj', 'v_proj', 'k_proj'])
})

it('sends what is no number as it is', () => {
  expect(fromInputs(fields, { learning_rate: 'fast' }).learning_rate).toBe('fast')
})

it('complains about numbers out of range, missing and broken ones', () => {
  const [rate, batch, most] = fields as [SettingField, SettingField, SettingField]
  expect(complaintOf(rate, '5')).toEqual({ code: 'range', min: 1e-7, max: 0.1 })
  expect(complaintOf(rate, '1e-4')).toBeNull()
  expect(complaintOf(rate, '')).toEqual({ code: 'number' })
  expect(complaintOf(batch, '2.5')).toEqual({ code: 'number' })
  expect(complaintOf(most, '')).toBeNull()
})

it('finds the sentences of the server', () => {
  expect(sentencesByField({ settings: { epochs: ['Too many.', 'Really.'] } })).toEqual({ epochs: 'Too many. Really.' })
  expect(sentencesByField({})).toEqual({})
})
