pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "mf2-edge"

include(":core", ":android")
// `mf2-edge export` hands out the library alone.
for (app in listOf("sample", "bench")) {
    if (file("$app/build.gradle.kts").exists()) include(":$app")
}
