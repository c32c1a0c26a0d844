/** The addresses of the pages, and who may see them. */

import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import type { Action } from '@/api/types'
import ChatPage from '@/pages/ChatPage.vue'
import { useSessionStore } from '@/stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** What one must be allowed to do to see the page; its layout says so in words. */
    needs?: Action
    /** Open to people who are not signed in. */
    isPublic?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/signin', name: 'signin', component: () => import('@/pages/SignInPage.vue'), meta: { isPublic: true } },
  { path: '/', name: 'home', component: ChatPage },
  { path: '/chat/feedback', name: 'feedback', component: () => import('@/pages/FeedbackPage.vue') },
  { path: '/chat/:conversationId', name: 'conversation', component: ChatPage },
  { path: '/chat', redirect: '/' },
  {
    path: '/studio',
    component: () => import('@/pages/studio/StudioLayout.vue'),
    meta: { needs: 'runs.read' },
    children: [
      { path: '', redirect: '/studio/versions' },
      { path: 'versions', name: 'versions', component: () => import('@/pages/studio/VersionsPage.vue') },
      { path: 'versions/:id', name: 'version', component: () => import('@/pages/studio/VersionPage.vue'), props: true },
      { path: 'runs', name: 'runs', component: () => import('@/pages/studio/RunsPage.vue') },
      { path: 'runs/new', name: 'run-new', component: () => import('@/pages/studio/NewRunPage.vue') },
      { path: 'runs/compare', name: 'runs-compare', component: () => import('@/pages/studio/CompareRunsPage.vue') },
      { path: 'runs/:id', name: 'run', component: () => import('@/pages/studio/RunPage.vue'), props: true },
      { path: 'evaluations/:id', name: 'evaluation', component: () => import('@/pages/studio/EvaluationPage.vue'), props: true },
      { path: 'compare', name: 'compare', component: () => import('@/pages/studio/ComparePage.vue') },
      { path: 'assistants', name: 'assistants', component: () => import('@/pages/studio/AssistantsPage.vue') },
    ],
  },
  { path: '/:path(.*)*', name: 'missing', component: () => import('@/pages/MissingPage.vue') },
]

export function makeRouter() {
  const router = createRouter({ history: createWebHistory('/'), routes })

  router.beforeEach(async (to) => {
    const session = useSessionStore()
    await session.ensure()
    if (to.meta.isPublic) return true
    if (session.user === null) return { name: 'signin', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
    return true
  })
  return router
}
