import { request, requestAll } from './client'
import type { Change, DatasetVersion, FieldChange, FreezePreview, Page, Split, VersionDiff, VersionItem } from './types'

export const versionList = () => request<Page<DatasetVersion>>('GET', '/dataset-versions')

export const versionAll = () => requestAll<DatasetVersion>('/dataset-versions', { query: { page_size: 200 } })

export const versionGet = (id: string) => request<DatasetVersion>('GET', `/dataset-versions/${id}`)

export const versionFreeze = (body: { validation_share: number; note: string }) =>
  request<DatasetVersion>('POST', '/dataset-versions', { body })

export const versionItems = (id: string, split: Split | null) =>
  request<Page<VersionItem>>('GET', `/dataset-versions/${id}/items`, { query: { split, page_size: 20 } })

/** Where the zip in LLaMA-Factory layout is downloaded from. */
export const versionExportUrl = (id: string) => `/api/v1/dataset-versions/${id}/export`

export const versionPreview = (share: number) =>
  request<FreezePreview>('GET', '/dataset-versions/preview', { query: { validation_share: share } })

export const versionDiff = (id: string, against: string, change: Change | null) =>
  request<VersionDiff>('GET', `/dataset-versions/${id}/diff`, { query: { against, change, page_size: 20 } })

/** In which fields one record differs between two versions that both name it. */
export const versionRecordDiff = (id: string, against: string, record: string) =>
  request<FieldChange[]>('GET', `/dataset-versions/${id}/diff/${record}`, { query: { against } })
