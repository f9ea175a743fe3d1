// androidx.lifecycle:lifecycle-common, which androidx.activity brings.
package androidx.lifecycle

interface LifecycleOwner
