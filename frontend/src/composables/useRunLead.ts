import { computed, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { TrainingRun } from '@/api/types'
import { useFormat } from './useFormat'

/** The one sentence that says where a run is. */
export function useRunLead(run: Ref<TrainingRun | null>) {
  const { t } = useI18n()
  const format = useFormat()

  return computed(() => {
    if (run.value === null) return undefined
    const { state, phase, step, total_steps: total, remaining_s, position, expected_start: start } = run.value
    switch (state) {
      case 'queued':
        if (position === null) return t('run.leadQueued')
        return start
          ? t('watch.leadQueuedStart', { position, start: format.dateTime(start) })
          : t('run.leadQueuedAt', { position })
      case 'running':
        if (phase === 'saving') return t('run.leadSaving')
        if (step === 0) return t('run.leadLoading')
        return remaining_s === null
          ? t('run.leadRunning', { step, total })
          : t('run.leadRunningRemaining', { step, total, remaining: format.duration(remaining_s) })
      case 'stopping':
        return t('run.leadStopping')
      case 'stopped':
        return t('run.leadStopped', { step, total })
      case 'failed':
        return t('run.leadFailed', { step })
      default:
        return t('run.leadSucceeded')
    }
  })
}
