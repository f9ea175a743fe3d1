plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.kotlin.jvm) apply false
}

subprojects {
    group = "dev.mf2edge"
    version = "0.2.0"

    // `gradle publishToMavenLocal`, or `publish` with -Pmf2edge.repository=FOLDER_OR_ADDRESS.
    plugins.withId("maven-publish") {
        extensions.configure<PublishingExtension> {
            providers.gradleProperty("mf2edge.repository").orNull?.let { place ->
                repositories.maven { url = uri(place) }
            }
            publications.withType<MavenPublication>().configureEach {
                pom {
                    name = "mf2-edge ${project.name}"
                    description = "Facial state on the device: emotion and FACS Action Units"
                    licenses {
                        license {
                            name = "Apache-2.0"
                            url = "https://www.apache.org/licenses/LICENSE-2.0.txt"
                        }
                    }
                }
            }
        }
    }
}

// `gradle wrapper` makes the wrapper of the Gradle that the Android plugin of the catalogue needs.
tasks.wrapper {
    gradleVersion = "9.4.1"
}
