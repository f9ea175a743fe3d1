plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "dev.mf2edge.bench"
    compileSdk = 36
    defaultConfig {
        applicationId = "dev.mf2edge.bench"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        buildConfigField("String", "LITERT", "\"${libs.versions.litert.get()}\"")
        buildConfigField("String", "EXECUTORCH", "\"${libs.versions.executorch.get()}\"")
    }
    buildTypes {
        release {
            // Debuggable code is slower; this app goes to nobody.
            signingConfig = signingConfigs.getByName("debug")
        }
    }
    buildFeatures {
        buildConfig = true
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    explicitApi()
}

androidComponents {
    onVariants { variant ->
        val name = variant.name.replaceFirstChar(Char::uppercase)
        val export = tasks.register<ExportBundle>("export${name}Bundle") {
            formats = listOf("tflite", "pte")
            bundle = providers.gradleProperty("mf2edge.bundle")
            photo = layout.projectDirectory.file("../../../mf2_edge/samples/astronaut.jpg")
        }
        variant.sources.assets?.addGeneratedSourceDirectory(export, ExportBundle::assets)
    }
}

dependencies {
    implementation(project(":android"))
    implementation(libs.litert)
    implementation(libs.executorch)
}
