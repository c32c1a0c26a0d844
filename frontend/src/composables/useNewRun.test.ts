import { flushPromises } from '@vue/test-utils'
import { beforeEach, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { ApiError } from '@/api/client'
import type { Adapter, RunDefaults, SettingField } from '@/api/types'
import { FREEZE_NOW, problemsOf, useNewRun } from './useNewRun'

const api = vi.hoisted(() => ({ runDefaults: vi.fn(), runStart: vi.fn(), versionFreeze: vi.fn() }))
vi.mock('@/api/runs', () => api)
vi.mock('@/api/versions', () => api)

const field = (name: string): SettingField => ({ name, type: 'float', min: 0, max: 100, choices: null, optional: false, unavailable: null, default: 1 })

function defaultsFor(version: string | undefined): RunDefaults {
  const settings = { epochs: version === undefined ? 1 : 12, batch_size: 4, gradient_accumulation: 1 }
  return {
    settings, fields: Object.keys(settings).map(field), train_examples: version === undefined ? null : 40, validation_examples: 4,
    steps: null, base_model: 'packaged:tiny', presets: [{ name: 'thorough', settings: { ...settings, epochs: 30 } }],
  }
}

beforeEach(() => {
  api.runDefaults.mockReset().mockImplementation(({ dataset_version }: { dataset_version?: string }) =>
    Promise.resolve(defaultsFor(dataset_version)),
  )
  api.runStart.mockReset().mockResolvedValue({ id: 'run' })
  api.versionFreeze.mockReset().mockResolvedValue({ id: 'v9' })
})

async function form(version: string) {
  const state = useNewRun()
  state.versionId.value = version
  state.assistantId.value = 'a'
  await nextTick()
  await flushPromises()
  return state
}

it('starts with settings that fit the version, and predicts the steps', async () => {
  const { inputs, steps, baseModel, isValid } = await form('v1')
  expect(inputs.value.epochs).toBe('12')
  expect(steps.value).toBe(120)
  expect(baseModel.value).toBe('packaged:tiny')
  expect(isValid.value).toBe(true)
})

it('keeps what was changed by hand when another version is chosen', async () => {
  const state = await form('v1')
  state.setInput('epochs', '5')
  state.versionId.value = 'v2'
  await nextTick()
  await flushPromises()
  expect(state.inputs.value).toMatchObject({ epochs: '5', batch_size: '4' })
})

it('goes on from an adapter with its LoRA settings, as long as the base is its own', async () => {
  const state = await form('v1')
  api.runStart.mockClear()
  const card = { settings: { lora_rank: 8, lora_targets: ['mlp'], epochs: 99 } }
  state.goOnFrom({ id: 'adapter', card } as unknown as Adapter)
  expect(state.inputs.value).toMatchObject({ lora_rank: '8', lora_targets: 'mlp', epochs: '12' })
  await state.start(() => undefined)
  expect(api.runStart).toHaveBeenLastCalledWith(expect.objectContaining({ parent: 'adapter' }))
  state.setBaseModel('another')
  await state.start(() => undefined)
  expect(api.runStart.mock.lastCall?.[0]).not.toHaveProperty('parent')
})

it('fills all settings from a preset', async () => {
  const state = await form('v1')
  state.setInput('epochs', '5')
  state.choosePreset('thorough')
  expect(state.inputs.value.epochs).toBe('30')
})

it('freezes first where that was chosen, and takes the settings that fit the new version', async () => {
  const state = await form(FREEZE_NOW)
  state.share.value = 0.2
  const frozen = vi.fn()
  expect(await state.start(frozen)).toEqual({ id: 'run' })
  expect(api.versionFreeze).toHaveBeenCalledWith({ validation_share: 0.2, note: '' })
  expect(frozen).toHaveBeenCalledWith({ id: 'v9' })
  expect(api.runStart).toHaveBeenCalledWith({
    dataset_version: 'v9', assistant: 'a', base_model: 'packaged:tiny', settings: { epochs: 12, batch_size: 4, gradient_accumulation: 1 },
  })
})

it('shows refusals at their fields and does not freeze a second time', async () => {
  const details = { settings: { epochs: ['Too many.'] }, base_model: ['No model.'] }
  api.runStart.mockRejectedValueOnce(new ApiError(400, { code: 'settings_invalid', message: 'No.', details }))
  const state = await form(FREEZE_NOW)
  expect(await state.start(vi.fn())).toBeNull()
  await flushPromises()
  expect(state.fieldProblems.value).toEqual({ epochs: 'Too many.' })
  expect(state.baseProblem.value).toBe('No model.')
  await state.start(vi.fn())
  expect(api.versionFreeze).toHaveBeenCalledOnce()
})

it('is not ready with a value out of range or without a base model', async () => {
  const state = await form('v1')
  state.setInput('epochs', '1000')
  expect(state.isValid.value).toBe(false)
  state.setInput('epochs', '3')
  state.setBaseModel(' ')
  expect(state.isValid.value).toBe(false)
})

it('takes over suggested settings and keeps them as if typed', async () => {
  const state = await form('v1')
  state.mend({ epochs: 8, batch_size: 1 })
  state.versionId.value = 'v2'
  await nextTick()
  await flushPromises()
  expect(state.inputs.value).toMatchObject({ epochs: '8', batch_size: '1' })
})

it('describes a run only once there is one to describe', async () => {
  const state = await form('v1')
  expect(state.question()).toEqual({
    version: 'v1', assistant: 'a', base_model: 'packaged:tiny', settings: { epochs: 12, batch_size: 4, gradient_accumulation: 1 },
  })
  state.setInput('epochs', 'many')
  expect(state.question()).toBeNull()
  expect((await form(FREEZE_NOW)).question()).toBeNull()
})

it('finds what was refused at each field, and nothing in a failure of another kind', () => {
  const details = { settings: { epochs: ['Too many.', 'Really.'] }, base_model: ['No model.'] }
  expect(problemsOf(new ApiError(400, { code: 'settings_invalid', message: 'No.', details }))).toEqual({ fields: { epochs: 'Too many. Really.' }, base: 'No model.' })
  expect(problemsOf(new Error('network'))).toEqual({ fields: {}, base: '' })
})
