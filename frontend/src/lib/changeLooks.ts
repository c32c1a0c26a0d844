/** Icon and colour of each kind of change between two versions. */

import type { Change } from '@/api/types'

export const CHANGE_LOOKS = {
  added: { icon: 'i-lucide-plus', tone: 'success' },
  changed: { icon: 'i-lucide-pencil', tone: 'info' },
  removed: { icon: 'i-lucide-minus', tone: 'error' },
  moved: { icon: 'i-lucide-arrow-right', tone: 'neutral' },
  dropped: { icon: 'i-lucide-circle-slash', tone: 'warning' },
} as const satisfies Record<Change, { icon: string; tone: string }>
