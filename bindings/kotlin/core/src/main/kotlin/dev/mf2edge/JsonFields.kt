package dev.mf2edge

/** A JSON value and its place in the file, read strictly: what is ill-typed is a [JsonException]. */
internal class Json(val value: Any?, private val at: String) {
    fun text(least: Int = 0, pattern: Regex? = null): String {
        val text = value as? String ?: refuse("expected a string")
        if (text.codePointCount(0, text.length) < least) refuse("expected a text that is not empty")
        if (pattern != null && !pattern.matches(text)) refuse("expected ${pattern.pattern}")
        return text
    }

    /** A whole number; those beyond 2 ** 53 are refused, up to where a double is exact. */
    fun whole(least: Long? = null, above: Long? = null, most: Long? = null): Long {
        val number = value as? Long ?: refuse("expected a whole number")
        if (number !in -EXACT..EXACT) refuse("whole number too large")
        val low = least != null && number < least || above != null && number <= above
        if (low || most != null && number > most) refuse("number out of its range")
        return number
    }

    fun number(least: Double? = null, above: Double? = null, most: Double? = null): Double {
        val number = (value as? Number)?.toDouble() ?: refuse("expected a number")
        if (!number.isFinite()) refuse("expected a finite number")
        val low = least != null && number < least || above != null && number <= above
        if (low || most != null && number > most) refuse("number out of its range")
        return number
    }

    fun <T> choice(choices: List<T>, key: (T) -> String): T =
        choices.find { key(it) == value } ?: refuse("expected one of ${choices.joinToString { key(it) }}")

    fun <T> orNull(read: Json.() -> T): T? = if (value == null) null else read()

    fun <T> list(length: Int? = null, read: Json.() -> T): List<T> {
        val items = value as? List<*> ?: refuse("expected a list")
        if (length != null && items.size != length) refuse("expected a list of $length")
        return items.mapIndexed { i, item -> Json(item, "$at[$i]").read() }
    }

    fun <T> map(read: Json.() -> T): Map<String, T> {
        val members = value as? Map<*, *> ?: refuse("expected an object")
        return members.entries.associate { (key, part) -> "$key" to Json(part, "$at.$key").read() }
    }

    /** An object; where it is [closed], its keys are all known: those that [read] asks for. */
    fun <T> struct(closed: Boolean = true, read: Fields.() -> T): T {
        val members = value as? Map<*, *> ?: refuse("expected an object")
        val fields = Fields(this, members)
        val made = fields.read()
        val unknown = members.keys.find { closed && it !in fields.known } ?: return made
        refuse("unknown key `$unknown`; remove it or correct its spelling")
    }

    /** The keys of one object. */
    class Fields(private val json: Json, private val members: Map<*, *>) {
        val known = mutableSetOf<String>()

        fun <T> required(key: String, read: Json.() -> T): T {
            if (key !in members) json.refuse("missing key `$key`; add it")
            known += key
            return Json(members[key], "${json.at}.$key").read()
        }

        fun <T> optional(key: String, default: T, read: Json.() -> T): T =
            if (key in members) required(key, read) else default
    }

    fun refuse(what: String): Nothing = throw JsonException("$what - at `$at`")

    private companion object {
        const val EXACT = 1L shl 53
    }
}
