import { computed, ref, shallowRef, watch } from 'vue'
import { ApiError } from '@/api/client'
import { runDefaults, runStart } from '@/api/runs'
import type { PreflightQuestion } from '@/api/preflight'
import type { Adapter, DatasetVersion, RunDefaults, RunSettings, TrainingRun } from '@/api/types'
import { versionFreeze } from '@/api/versions'
import { LORA_SHAPE, complaintOf, fromInputs, sentencesByField, toInputs, type SettingInputs } from '@/lib/settingsForm'
import { predictedSteps } from '@/lib/steps'

/** Stands for a version that is frozen when the run is started. */
export const FREEZE_NOW = 'freeze-now'

/** What the server refused: its sentences by setting, and that about the base model. */
export function problemsOf(error: unknown): { fields: Record<string, string>; base: string } {
  if (!(error instanceof ApiError)) return { fields: {}, base: '' }
  const base = error.details.base_model
  return { fields: sentencesByField(error.details), base: Array.isArray(base) ? base.join(' ') : '' }
}

/** The state of the form for a new run: what is chosen, the defaults that fit it, and the start. */
export function useNewRun() {
  const versionId = ref(FREEZE_NOW)
  const assistantId = ref('')
  const baseModel = ref('')
  const parentId = ref<string | null>(null)
  const share = ref(0.1)
  const inputs = ref<SettingInputs>({})
  const preset = ref('')
  const defaults = shallowRef<RunDefaults | null>(null)
  const error = shallowRef<unknown>(null)
  const isStarting = ref(false)
  /** What somebody changed by hand stays when other defaults come. */
  const touched = ref(new Set<string>())
  let latest = 0

  const needsFreeze = computed(() => versionId.value === FREEZE_NOW)
  const fields = computed(() => defaults.value?.fields ?? [])
  const steps = computed(() => {
    const examples = defaults.value?.train_examples
    return examples ? predictedSteps(examples, fromInputs(fields.value, inputs.value)) : null
  })
  const fieldProblems = computed(() => problemsOf(error.value).fields)
  const baseProblem = computed(() => problemsOf(error.value).base)
  const isValid = computed(
    () =>
      assistantId.value !== '' &&
      baseModel.value.trim() !== '' &&
      fields.value.every((field) => complaintOf(field, inputs.value[field.name] ?? '') === null),
  )

  watch([versionId, assistantId], () => void loadDefaults())

  async function loadDefaults(): Promise<void> {
    if (assistantId.value === '') return
    const mine = (latest += 1)
    try {
      const answer = await runDefaults({
        assistant: assistantId.value, ...(needsFreeze.value ? {} : { dataset_version: versionId.value }),
      })
      if (mine !== latest) return
      take(answer)
      error.value = null
    } catch (cause) {
      if (mine === latest) error.value = cause
    }
  }

  function take(answer: RunDefaults): void {
    defaults.value = answer
    const chosen = answer.presets.find(({ name }) => name === preset.value)?.settings ?? answer.settings
    const fresh = toInputs(chosen)
    for (const name of touched.value) {
      const kept = inputs.value[name]
      if (kept !== undefined) fresh[name] = kept
    }
    inputs.value = fresh
    if (!touched.value.has('base_model') && baseModel.value !== answer.base_model) {
      baseModel.value = answer.base_model
      parentId.value = null
    }
  }

  function choosePreset(name: string): void {
    preset.value = name
    touched.value.clear()
    if (defaults.value !== null) take(defaults.value)
  }

  function setInput(name: string, value: string): void {
    inputs.value = { ...inputs.value, [name]: value }
    touched.value.add(name)
  }

  /** Takes over settings that were suggested. */
  function mend(settings: RunSettings): void {
    for (const [name, value] of Object.entries(toInputs(settings))) setInput(name, value)
  }

  /** The run that the form describes; null while a value cannot be meant or the version is still to be frozen. */
  function question(): PreflightQuestion | null {
    if (needsFreeze.value || !isValid.value || fields.value.length === 0) return null
    return {
      version: versionId.value,
      assistant: assistantId.value,
      base_model: baseModel.value.trim(),
      settings: fromInputs(fields.value, inputs.value),
    }
  }

  /** Goes on from an adapter, with LoRA settings like its own; begins anew with null. */
  function goOnFrom(adapter: Adapter | null): void {
    parentId.value = adapter?.id ?? null
    const settings = adapter?.card.settings ?? {}
    mend(Object.fromEntries(Object.entries(settings).filter(([name]) => LORA_SHAPE.includes(name))))
  }

  function setBaseModel(name: string): void {
    if (name !== baseModel.value) parentId.value = null // adapters only fit the base they were trained on
    baseModel.value = name
    touched.value.add('base_model')
  }

  /** Freezes first where that was chosen. A version once frozen is kept when the start is refused after it. */
  async function start(onFrozen: (version: DatasetVersion) => void): Promise<TrainingRun | null> {
    isStarting.value = true
    error.value = null
    try {
      if (needsFreeze.value) {
        const version = await versionFreeze({ validation_share: share.value, note: '' })
        onFrozen(version)
        versionId.value = version.id
        take(await runDefaults({ assistant: assistantId.value, dataset_version: version.id }))
      }
      return await runStart({
        dataset_version: versionId.value,
        assistant: assistantId.value,
        base_model: baseModel.value.trim(),
        ...(parentId.value === null ? {} : { parent: parentId.value }),
        settings: fromInputs(fields.value, inputs.value),
      })
    } catch (cause) {
      error.value = cause
      return null
    } finally {
      isStarting.value = false
    }
  }

  return {
    versionId, assistantId, baseModel, parentId, share, inputs, preset, defaults, error, isStarting, needsFreeze, fields, steps,
    fieldProblems, baseProblem, isValid, loadDefaults, choosePreset, setInput, setBaseModel, goOnFrom, mend, question, start,
  }
}
