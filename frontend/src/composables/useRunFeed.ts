import { onScopeDispose, ref, shallowRef, triggerRef, type Ref } from 'vue'
import { runGet, runMetrics } from '@/api/runs'
import type { TrainingRun } from '@/api/types'
import { appendLog, emptyLog, type LogTail } from '@/lib/log'
import { addMetric, emptySeries, lastStep, type Series } from '@/lib/metrics'
import { mergeRunState } from '@/lib/runs'
import type { ServerEvent } from '@/realtime/events'
import { useSocket } from '@/realtime/socket'

/**
 * One run as it goes: its row, the measured values and the end of its log. The stored part is read
 * once; what follows comes over the socket, and again from where it broke off after a loss.
 */
export function useRunFeed(id: string) {
  const socket = useSocket()
  const run = ref(null) as Ref<TrainingRun | null>
  const error = shallowRef<unknown>(null)
  const series = shallowRef<Series>(emptySeries())
  const log = shallowRef<LogTail>(emptyLog())
  let frame: number | undefined
  let unfollow: (() => void) | undefined
  let isGone = false

  async function load(): Promise<void> {
    error.value = null
    try {
      const [row, metrics] = await Promise.all([runGet(id), runMetrics(id)])
      if (isGone) return
      run.value = row
      for (const metric of metrics) addMetric(series.value, metric)
      triggerRef(series)
      unfollow ??= socket.follow(`run:${id}`, () => ({
        type: 'run.follow', run_id: id, after_step: lastStep(series.value), after_offset: log.value.offset,
      }))
    } catch (cause) {
      error.value = cause
    }
  }

  function receive(event: ServerEvent): void {
    switch (event.type) {
      case 'run.metric':
        if (event.run_id !== id) return
        addMetric(series.value, event)
        showSoon()
        break
      case 'run.state':
        if (event.run_id === id && run.value !== null) mergeRunState(run.value, event)
        break
      case 'run.log':
        if (event.run_id === id) log.value = appendLog(log.value, event)
        break
    }
  }

  /** Many values arrive at once after a reconnect: draw them together. */
  function showSoon(): void {
    frame ??= requestAnimationFrame(() => {
      frame = undefined
      triggerRef(series)
    })
  }

  const leave = socket.onEvent(receive)
  onScopeDispose(() => {
    isGone = true
    leave()
    unfollow?.()
    if (frame !== undefined) cancelAnimationFrame(frame)
  })

  return { run, error, series, log, load }
}
