import { onScopeDispose, watch, type Ref } from 'vue'
import type { TrainingRun } from '@/api/types'
import { isActive, mergeRunState } from '@/lib/runs'
import { useSocket } from '@/realtime/socket'

/** Keeps the unfinished runs of a list up to date over the socket. */
export function useRunUpdates(rows: Ref<TrainingRun[] | null>): void {
  const socket = useSocket()
  const follows = new Map<string, () => void>()

  watch(rows, (runs) => {
    for (const run of runs ?? []) {
      if (!isActive(run.state) || follows.has(run.id)) continue
      const { id, step } = run
      follows.set(id, socket.follow(`run:${id}`, () => ({
        // The list shows no log.
        type: 'run.follow', run_id: id, after_step: step, after_offset: Number.MAX_SAFE_INTEGER,
      })))
    }
  }, { immediate: true })

  const leave = socket.onEvent((event) => {
    if (event.type !== 'run.state') return
    const run = rows.value?.find((candidate) => candidate.id === event.run_id)
    if (run !== undefined) mergeRunState(run, event)
  })

  onScopeDispose(() => {
    leave()
    for (const unfollow of follows.values()) unfollow()
  })
}
