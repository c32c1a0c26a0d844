/** The chart's drawing, fetched when the first one is shown. */

import USkeleton from '@nuxt/ui/components/Skeleton.vue'
import { defineAsyncComponent } from 'vue'

export const ChartCanvas = defineAsyncComponent({ loader: () => import('./ChartCanvas.vue'), loadingComponent: USkeleton })
