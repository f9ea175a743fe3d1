// com.facebook.react:react-android, which React Native 0.8x brings, as far as examples/react-native uses it.
package com.facebook.react.bridge

import android.content.Context

open class ReactApplicationContext : Context()

abstract class ReactContextBaseJavaModule(@Suppress("unused") private val context: ReactApplicationContext) {
    abstract fun getName(): String

    open fun invalidate(): Unit = throw NotImplementedError()
}

@Target(AnnotationTarget.FUNCTION)
annotation class ReactMethod

interface Promise {
    fun resolve(value: Any?)

    fun reject(code: String, throwable: Throwable?)
}

interface WritableMap {
    fun putString(key: String, value: String?)

    fun putDouble(key: String, value: Double)

    fun putBoolean(key: String, value: Boolean)

    fun putNull(key: String)

    fun putArray(key: String, value: WritableArray?)
}

interface WritableArray {
    fun pushMap(map: WritableMap?)
}

object Arguments {
    @JvmStatic
    fun createMap(): WritableMap = throw NotImplementedError()

    @JvmStatic
    fun createArray(): WritableArray = throw NotImplementedError()
}
