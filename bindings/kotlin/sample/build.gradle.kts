plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "dev.mf2edge.sample"
    compileSdk = 36
    defaultConfig {
        applicationId = "dev.mf2edge.sample"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

androidComponents {
    onVariants { variant ->
        val name = variant.name.replaceFirstChar(Char::uppercase)
        val export = tasks.register<ExportBundle>("export${name}Bundle") {
            formats = listOf("tflite")
            bundle = providers.gradleProperty("mf2edge.bundle")
        }
        variant.sources.assets?.addGeneratedSourceDirectory(export, ExportBundle::assets)
    }
}

dependencies {
    implementation(project(":android"))
    implementation(libs.activity)
    implementation(libs.core)
    implementation(libs.camera.camera2)
    implementation(libs.camera.lifecycle)
    implementation(libs.camera.view)
}
