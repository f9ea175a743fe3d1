plugins {
    `java-library`
    `maven-publish`
    alias(libs.plugins.kotlin.jvm)
}

java {
    withSourcesJar()
}

publishing {
    publications.create<MavenPublication>("release") {
        from(components["java"])
    }
}

kotlin {
    explicitApi()
    jvmToolchain(17)
    // tests/bindings/test_kotlin.py of the repository runs the tests, which need LiteRT on the JVM.
    sourceSets.named("test") {
        kotlin.setSrcDirs(emptyList<String>())
    }
}
