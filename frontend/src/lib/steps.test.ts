import { expect, it } from 'vitest'
import { predictedSteps } from './steps'

const settings = { batch_size: 4, gradient_accumulation: 2, epochs: 3, max_steps: null }

it('counts by epochs, the last batch smaller than the others', () => {
  expect(predictedSteps(16, settings)).toBe(6)
  expect(predictedSteps(17, settings)).toBe(7)
  expect(predictedSteps(1, { ...settings, epochs: 0.01 })).toBe(1)
})

it('takes a fixed number of steps instead', () => {
  expect(predictedSteps(1000, { ...settings, max_steps: 60 })).toBe(60)
  expect(predictedSteps(16, { ...settings, max_steps: 60 })).toBe(60)
})

it('counts the general examples that are mixed in', () => {
  expect(predictedSteps(16, { ...settings, general_share: 0.2 })).toBe(8)
})

it('predicts nothing from half-filled fields', () => {
  expect(predictedSteps(16, { ...settings, batch_size: null })).toBeNull()
  expect(predictedSteps(0, settings)).toBeNull()
})
