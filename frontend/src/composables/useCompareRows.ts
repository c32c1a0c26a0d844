import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { runResult, settingsDiff } from '@/lib/comparison'
import type { ComparedRun } from './useComparedRuns'
import { useFormat } from './useFormat'
import { useSettingWords } from './useSettingWords'

/** Results and differing settings of runs in words, and the run with the lowest validation loss. */
export function useCompareRows(runs: () => ComparedRun[]) {
  const { t } = useI18n()
  const format = useFormat()
  const words = useSettingWords()

  const results = computed(() => runs().map(({ run, series }) => runResult(run, series)))
  const told = (value: number | null, shown: (value: number) => string) => (value === null ? t('common.none') : shown(value))
  const loss = (value: number) => format.number(value, 3)

  const resultRows = computed(() => {
    const all = results.value
    return [
      { label: t('compare.finalLoss'), hint: t('compare.finalLossHint'), values: all.map((one) => told(one.loss, loss)) },
      {
        label: t('compare.bestEval'),
        values: all.map(({ bestEvalLoss, bestStep }) => told(bestEvalLoss, (value) => t('compare.atStep', { value: loss(value), step: bestStep ?? 0 }))),
        best: lowest(all.map((one) => one.bestEvalLoss)),
      },
      { label: t('compare.lastEval'), values: all.map((one) => told(one.evalLoss, loss)) },
      { label: t('compare.steps'), values: runs().map(({ run }) => format.number(run.step)) },
      { label: t('run.epoch'), values: runs().map(({ run }) => format.number(run.epoch, 1)) },
      { label: t('run.took'), hint: t('compare.tookHint'), values: all.map((one) => told(one.seconds, format.duration)) },
      { label: t('run.tokensPerSecond'), values: all.map((one) => told(one.tokensPerSecond, (value) => format.number(value))) },
      { label: t('run.memory'), values: all.map((one) => told(one.memoryBytes, format.bytes)) },
    ]
  })

  const settingRows = computed(() => [
    ...differing(t('runs.version'), ({ run }) => t('runs.versionName', { number: run.dataset_version.number })),
    ...differing(t('runs.assistant'), ({ run }) => run.assistant.name),
    ...differing(t('form.base'), ({ run }) => run.base_model),
    ...settingsDiff(runs().map(({ run }) => run.settings)).map(({ name, values }) => ({
      label: words.label(name),
      hint: words.hint(name),
      values: values.map((value) => words.value(value ?? null)),
    })),
  ])

  function differing(label: string, value: (one: ComparedRun) => string) {
    const values = runs().map(value)
    return new Set(values).size > 1 ? [{ label, values }] : []
  }

  /** Only runs on one version were validated with the same records. */
  const isOneVersion = computed(() => new Set(runs().map(({ run }) => run.dataset_version.id)).size <= 1)
  const best: ComputedRef<{ number: number; value: string } | null> = computed(() => {
    const values = results.value.map((one) => one.bestEvalLoss)
    const [place] = lowest(values)
    const [run, value] = place === undefined ? [undefined, undefined] : [runs()[place]?.run, values[place]]
    return run && value != null && isOneVersion.value ? { number: run.number, value: loss(value) } : null
  })

  return { resultRows, settingRows, isOneVersion, best }
}

/** The places of the lowest value; none where there is nothing to compare it with. */
function lowest(values: (number | null)[]): number[] {
  const known = values.filter((value) => value !== null)
  if (known.length < 2) return []
  const least = Math.min(...known)
  return values.flatMap((value, place) => (value === least ? [place] : []))
}
