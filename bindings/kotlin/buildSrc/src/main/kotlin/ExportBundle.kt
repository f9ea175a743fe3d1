import javax.inject.Inject
import org.gradle.api.DefaultTask
import org.gradle.api.file.DirectoryProperty
import org.gradle.api.file.FileSystemOperations
import org.gradle.api.file.RegularFileProperty
import org.gradle.api.provider.ListProperty
import org.gradle.api.provider.Property
import org.gradle.api.tasks.Input
import org.gradle.api.tasks.InputFile
import org.gradle.api.tasks.Optional
import org.gradle.api.tasks.OutputDirectory
import org.gradle.api.tasks.PathSensitive
import org.gradle.api.tasks.PathSensitivity
import org.gradle.api.tasks.TaskAction
import org.gradle.process.ExecOperations
import org.gradle.work.DisableCachingByDefault

/**
 * Fills an app's assets: what `mf2-edge export` hands out, in `mf2-edge`, and a photo. `mf2-edge` is the
 * SDK's command, to be found on PATH.
 */
@DisableCachingByDefault(because = "the command and its bundle are no inputs that Gradle sees")
abstract class ExportBundle : DefaultTask() {
    /** As `--format` takes them. */
    @get:Input
    abstract val formats: ListProperty<String>

    /** As `--bundle` takes it; the SDK's own by default. */
    @get:Input
    @get:Optional
    abstract val bundle: Property<String>

    @get:InputFile
    @get:Optional
    @get:PathSensitive(PathSensitivity.NAME_ONLY)
    abstract val photo: RegularFileProperty

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @get:Inject
    abstract val processes: ExecOperations

    @get:Inject
    abstract val files: FileSystemOperations

    init {
        outputs.upToDateWhen { false }
    }

    @TaskAction
    fun export() {
        files.delete { delete(assets) }
        val folder = assets.get().dir("mf2-edge")
        val chosen = bundle.orNull?.let { listOf("--bundle", it) }.orEmpty()
        val options = listOf("--platform", "android", "--no-code", "--out", "$folder", "--format")
        processes.exec { commandLine(listOf("mf2-edge", "export") + chosen + options + formats.get()) }
        if (!photo.isPresent) return
        files.copy {
            from(photo)
            into(assets)
        }
    }
}
