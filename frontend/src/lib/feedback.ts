/** How what became of a person's feedback looks. */

import type { FeedbackOutcome } from '@/api/types'
import type { Tone } from '@/components/ui/StateBadge.vue'

export const OUTCOME_LOOKS: Record<FeedbackOutcome, { icon: string; tone: Tone }> = {
  waiting: { icon: 'i-lucide-inbox', tone: 'neutral' },
  draft: { icon: 'i-lucide-file-pen', tone: 'info' },
  in_review: { icon: 'i-lucide-file-search', tone: 'info' },
  approved: { icon: 'i-lucide-circle-check', tone: 'success' },
  rejected: { icon: 'i-lucide-undo-2', tone: 'neutral' },
  archived: { icon: 'i-lucide-archive', tone: 'neutral' },
  deleted: { icon: 'i-lucide-trash-2', tone: 'neutral' },
  handled: { icon: 'i-lucide-circle-check', tone: 'success' },
}
