import type { Kek } from '@millrace/secrets/kek.ts'
import { open } from '@millrace/secrets/open.ts'
import { seal } from '@millrace/secrets/seal.ts'
import type { SealedField } from '@millrace/store/secrets/sealed-fields.ts'

export type SecretOwner = { readonly tenant: string; readonly owner: string }

/** Seals each field for its place. */
export function sealFields(kek: Kek, place: SecretOwner, secrets: Readonly<Record<string, string>>): SealedField[] {
  return Object.entries(secrets).map(([field, plaintext]) => ({ field, ...seal({ kek, ...place, field, plaintext }) }))
}

/** Opens what `sealFields` made. Throws SecretError. */
export function openFields(kek: Kek, place: SecretOwner, sealed: readonly SealedField[]): Record<string, string> {
  return Object.fromEntries(
    sealed.map((each) => [each.field, open({ kek, ...place, field: each.field, sealed: each })]),
  )
}

export function sourcePlace(projectId: string, sourceId: string): SecretOwner {
  return { tenant: projectId, owner: `source:${sourceId}` }
}

export function projectPlace(projectId: string): SecretOwner {
  return { tenant: projectId, owner: `project:${projectId}` }
}
